"use strict";

// Draw each picture above its table, in the colours of the page.
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const root = document.documentElement;
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();

  const themed = (layout) => {
    const [text, line, back] = ["--text", "--line", "--back"].map(colour);
    const themed = { ...layout, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)" };
    themed.font = { color: text, family: "system-ui, sans-serif", size: 13 };
    themed.hoverlabel = { align: "left", bgcolor: back, bordercolor: line, font: { color: text } };
    for (const name of Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key)))
      themed[name] = { ...layout[name], gridcolor: line, zerolinecolor: line, fixedrange: true };
    return { margin: { t: 10, r: 16, b: 44, l: 10 }, showlegend: false, dragmode: false, ...themed };
  };

  const draw = (key) =>
    Plotly.react(`figure-${key}`, figures[key].data, themed(figures[key].layout), {
      displayModeBar: false,
      responsive: true,
    });

  // A treemap is for the mouse; a list chooses its project by keyboard.
  const choose = (key) => {
    const place = document.getElementById(`figure-${key}`);
    const { ids, labels, parents } = figures[key].data[0];
    const select = document.createElement("select");
    select.id = `choose-${key}`;
    ids.forEach((id, at) => {
      if (parents[at] !== "" && parents[at] !== "/") return;
      const shown = new DOMParser().parseFromString(labels[at], "text/html").body.textContent;
      select.add(new Option(parents[at] === "" ? "all projects" : shown, id));
    });
    const label = document.createElement("label");
    label.append("Show ", select);
    place.before(label);
    select.addEventListener("change", () => Plotly.restyle(place, { level: select.value }, [0]));
    place.on("plotly_treemapclick", ({ nextLevel }) => {
      if (nextLevel !== undefined) select.value = nextLevel;
    });
  };

  root.classList.add("drawn");
  const keys = Object.keys(figures);
  keys.forEach(draw);
  keys.filter((key) => figures[key].data[0].type === "treemap").forEach(choose);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => keys.forEach(draw));
})();
