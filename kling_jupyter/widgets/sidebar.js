// Beside the picture: the layers, and the path of the chosen one as a table of numbers.

import { STILL } from "./drawing.js";
import { button, make, numberField } from "./dom.js";

export function nameOf(layer) {
  return layer.id === STILL ? "What stays still" : `Region ${layer.id}`;
}

/** The list of layers; `group` keeps the radio buttons of two widgets apart. */
export function layerList(drawing, desk, group) {
  const rows = drawing.layers.map((layer) => row(drawing, desk, layer, group));
  const add = button("Add a region", () => desk.add(), {
    class: "kp-add",
    disabled: drawing.full,
    title: drawing.full ? `At most ${drawing.limits.regions} regions` : undefined,
  });
  return [...rows, add];
}

function row(drawing, desk, layer, group) {
  const name = nameOf(layer);
  const radio = make("input", {
    type: "radio",
    name: group,
    value: layer.id,
    checked: layer === drawing.active,
    onchange: () => desk.activate(layer),
  });
  const colour = make("input", {
    type: "color",
    value: layer.colour,
    "aria-label": `Colour of ${name}`,
    onchange: () => desk.recolour(layer, colour.value),
  });
  const facts = make("span", { class: "kp-facts" }, summary(drawing, layer));
  const label = make("label", {}, radio, make("span", {}, name), facts);
  const actions = make(
    "span",
    { class: "kp-actions" },
    button(layer.visible ? "Hide" : "Show", () => desk.toggle(layer), {
      "aria-label": `${layer.visible ? "Hide" : "Show"} ${name}`,
      "data-key": `show-${layer.id}`,
    }),
    button("Clear", () => desk.clear(layer), {
      "aria-label": `Clear ${name}`,
      "data-key": `clear-${layer.id}`,
    }),
  );
  if (layer.id !== STILL) {
    const remove = button("Delete", () => desk.remove(layer), { "aria-label": `Delete ${name}` });
    actions.append(remove);
  }
  return make("div", { class: "kp-layer" }, colour, label, actions);
}

/** What is drawn on a layer: the share of the picture, and the points of the path. */
function summary(drawing, layer) {
  const [width, height] = drawing.size;
  const share = (100 * layer.extent.count) / (width * height);
  const paint = !share ? "empty" : share < 1 ? "< 1 %" : `${Math.round(share)} %`;
  if (layer.id === STILL) return paint;
  const count = layer.points.length;
  return `${paint}, ${count ? `${count} point${count > 1 ? "s" : ""}` : "no path"}`;
}

/** The path of the active region: a table whose numbers can be changed. */
export function pathTable(drawing, desk) {
  const layer = drawing.active;
  if (layer.id === STILL) return [];
  const [width, height] = drawing.size;
  const cell = (i, axis, most) => {
    const facts = {
      min: "0",
      max: String(most),
      step: "1",
      value: String(layer.points[i][axis]),
      "aria-label": `Point ${i + 1}, ${axis ? "y" : "x"}`,
      "data-key": `${i}-${axis}`,
    };
    const input = numberField(facts, (text) => desk.movePoint(i, axis, text, most));
    return make("td", {}, input);
  };
  const rows = layer.points.map((_, i) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, String(i + 1)),
      cell(i, 0, width),
      cell(i, 1, height),
      make("td", {}, button("×", () => desk.removePoint(i), { "aria-label": `Remove point ${i + 1}` })),
    ),
  );
  const head = ["Point", "x", "y", ""].map((text) =>
    text ? make("th", { scope: "col" }, text) : make("td", {}),
  );
  const caption = `Path of ${nameOf(layer)}, in pixels from the bottom-left corner`;
  return [
    make(
      "table",
      {},
      make("caption", {}, caption),
      make("thead", {}, make("tr", {}, ...head)),
      make("tbody", {}, ...rows),
    ),
    button("Add a point", () => desk.addPoint(), {
      "data-key": "add-point",
      disabled: layer.points.length >= drawing.limits.most,
    }),
  ];
}
