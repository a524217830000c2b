// Above the picture: the tools, the size of their tip, undo and redo, and the zoom.

import { button, make } from "./dom.js";
import { TOOLS } from "./tools.js";

/** The toolbar, and those of its parts that show how things stand. */
export function toolbar(desk) {
  const options = Object.entries(TOOLS).map(([id, tool]) => choice(desk, id, tool));
  const sizer = make("input", {
    type: "range",
    min: "1",
    max: String(Math.max(2, Math.round(Math.min(...desk.size) / 2))),
    value: String(desk.tip),
    oninput: () => desk.resize(Number(sizer.value) - desk.tip),
  });
  const sized = make("output", {}, `${desk.tip} px`);
  const undoing = button("Undo", () => desk.step(-1));
  const redoing = button("Redo", () => desk.step(1));
  const bar = make(
    "div",
    { class: "kp-tools" },
    make("fieldset", { class: "kp-choice" }, make("legend", {}, "Tool"), ...options),
    make("label", { class: "kp-size" }, make("span", {}, "Size"), sizer, sized),
    make(
      "span",
      { class: "kp-actions" },
      undoing,
      redoing,
      button("−", () => desk.stage.magnify(-1), { "aria-label": "Zoom out" }),
      button("Fit", () => desk.stage.magnify(0), { "aria-label": "Zoom to fit" }),
      button("+", () => desk.stage.magnify(1), { "aria-label": "Zoom in" }),
    ),
  );
  return { toolbar: bar, sizer, sized, undoing, redoing };
}

function choice(desk, id, { name, icon }) {
  const input = make("input", {
    type: "radio",
    name: `${desk.group}-tool`,
    value: id,
    checked: id === desk.tool,
    onchange: () => desk.choose(id),
  });
  return make("label", { class: "kp-tool" }, input, sign(icon), make("span", {}, name));
}

/** A small sign of lines. */
function sign(path) {
  const space = "http://www.w3.org/2000/svg";
  const image = document.createElementNS(space, "svg");
  const line = document.createElementNS(space, "path");
  image.setAttribute("viewBox", "0 0 16 16");
  image.setAttribute("aria-hidden", "true");
  line.setAttribute("d", path);
  image.append(line);
  return image;
}
