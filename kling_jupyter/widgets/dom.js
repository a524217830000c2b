// Elements in one expression, and the few sights that our widgets share.

/** An element; `on…` attributes are listeners, false and undefined ones are left out. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== undefined) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children);
  return element;
}

/** A button that says what it does. */
export function button(label, onclick, attributes = {}) {
  return make("button", { type: "button", onclick, ...attributes }, label);
}

/** A field for a number; `onchange` gets its text. */
export function numberField(attributes, onchange) {
  const told = () => onchange(field.value);
  const field = make("input", {
    type: "number",
    ...attributes,
    onchange: told,
    // JupyterLab keeps the line break of Enter from a cell's fields, and with it their change.
    onkeydown: (event) => event.key === "Enter" && told(),
  });
  return field;
}

/** A list of choices with its label. */
export function select(label, options, chosen, onchange) {
  const list = make("select", { onchange: () => onchange(list.selectedIndex) });
  options.forEach((text, i) => list.append(make("option", { selected: i === chosen }, text)));
  return make("label", { class: "kp-field" }, make("span", {}, label), list);
}

/** The bytes of whatever a front end hands over. */
export function bytes(value) {
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

/** Show errors, warnings and the price in `place`. */
export function tell(place, { errors = [], warnings = [], price = "" }) {
  const lines = (texts, kind, mark) =>
    texts.map((text) =>
      make("p", { class: `kp-${kind}` }, make("strong", {}, mark), ` ${text}`),
    );
  place.replaceChildren(
    ...lines(errors, "error", "Not yet:"),
    ...lines(warnings, "warning", "Note:"),
    ...(price ? [make("p", { class: "kp-price" }, price)] : []),
  );
}

/** How the result is used: a line to type. */
export function usage(model) {
  const line = make("code", {}, model.get("usage"));
  return make("p", { class: "kp-usage" }, "Then: ", line);
}

/** Whether the reader wants things to keep still. */
export function calm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
