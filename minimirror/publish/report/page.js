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

  // Bars of bytes and of files are beside each other if there is room.
  const narrow = matchMedia("(max-width: 40rem)");
  const cut = (text) => (text.length <= 18 || text.includes("&") ? text : `${text.slice(0, 17)}…`);
  const fitted = ({ data, layout: { xaxis2, ...layout } }) => {
    if (!narrow.matches) return { data, layout: xaxis2 ? { ...layout, xaxis2 } : layout };
    if (data[0].orientation !== "h") return { data, layout };
    const xaxis = { ...layout.xaxis, domain: [0, 1], nticks: 4, tickangle: 0 };
    const yaxis = { ...layout.yaxis, ticktext: layout.yaxis.ticktext.map(cut) };
    return { data: data.slice(0, 1), layout: { ...layout, xaxis, yaxis } };
  };

  const draw = (key) => {
    const { data, layout } = fitted(figures[key]);
    Plotly.react(`figure-${key}`, data, themed(layout), { displayModeBar: false, responsive: true });
  };

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
  for (const query of [narrow, matchMedia("(prefers-color-scheme: dark)")])
    query.addEventListener("change", () => keys.forEach(draw));
})();
