for (const command of document.querySelectorAll(".command")) {
  command.append(copyButton(command.querySelector("code")));
}
const project = document.querySelector("#project");
const commands = [...document.querySelectorAll("code")].map((code) => [code, code.textContent]);
const fill = () => {
  for (const [code, command] of commands) {
    code.textContent = command.replace("PROJECT", () => project.value.trim() || "PROJECT");
  }
};
project.addEventListener("input", fill);
project.parentElement.hidden = false;
fill();
