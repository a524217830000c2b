// What all fields of a form share.

export function make(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

export function weight(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

export function put(object, name, value) {
  if (value !== undefined) object[name] = value;
}

// One field: `read` gives its value or undefined, `write` sets it, `control` is what is focused,
// `enable` switches all of it. A field knows its place, such as "dynamic_masks.0.mask".
export class Field {
  constructor(form, facts, place) {
    this.form = form;
    this.facts = facts;
    this.place = place;
    this.id = `${form.id}-${place.replaceAll(".", "-")}`;
    this.touched = false;
    this.doc = make("p", "kling-form-doc", facts.doc);
    this.doc.id = `${this.id}-doc`;
    this.why = make("p", "kling-form-why");
    this.why.id = `${this.id}-why`;
    this.error = make("p", "kling-form-error");
    this.error.id = `${this.id}-error`;
    this.why.hidden = this.error.hidden = true;
    this.doc.hidden = !facts.doc;
    form.fields.set(place, this);
  }

  get controls() {
    return [...this.root.querySelectorAll("input, select, textarea, button")];
  }

  changed(now = false) {
    this.touched = true;
    this.form.changed(now);
  }

  heading(tag, target) {
    const heading = make(tag, "kling-form-label", this.facts.label);
    if (target) heading.htmlFor = target;
    if (this.facts.required) heading.append(make("span", "kling-form-needed", " needed"));
    return heading;
  }

  describe(control) {
    const ids = [this.doc, this.why, this.error].filter((p) => !p.hidden).map((p) => p.id);
    if (ids.length) control.setAttribute("aria-describedby", ids.join(" "));
    else control.removeAttribute("aria-describedby");
  }

  enable(on) {
    for (const control of this.controls) control.disabled = !on;
  }

  // Show the verdict: an error, or the reason why the field cannot be had.
  judge(error, reason) {
    const off = Boolean(reason) && this.read() === undefined;
    this.root.classList.toggle("kling-form-off", off);
    if (off !== this.off) this.enable(!off);
    this.off = off;
    this.why.textContent = off ? `${reason}.` : "";
    this.why.hidden = !off;
    this.error.textContent = error;
    this.error.hidden = !error;
    this.root.classList.toggle("kling-form-wrong", Boolean(error));
    const marked = this.marked ?? this.control;
    if (marked) {
      if (error) marked.setAttribute("aria-invalid", "true");
      else marked.removeAttribute("aria-invalid");
      this.describe(marked);
    }
  }

  refuse() {}
  forget() {
    this.form.fields.delete(this.place);
  }
}
