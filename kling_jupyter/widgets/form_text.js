// Texts and numbers.

import { Field, make } from "./form_field.js";

export class Text extends Field {
  constructor(form, facts, place) {
    super(form, facts, place);
    const area = facts.kind === "area";
    this.control = make(area ? "textarea" : "input", "kling-form-text");
    this.control.id = this.id;
    if (area) this.control.rows = place === form.lead ? 3 : 2;
    else this.control.type = "text";
    this.control.autocomplete = "off";
    this.control.placeholder = facts.default || facts.assumed || "";
    this.control.required = facts.required;
    this.control.oninput = () => {
      this.count();
      this.changed();
    };
    this.root = make("div", "kling-form-field");
    const head = make("div", "kling-form-head");
    head.append(this.heading("label", this.id));
    if (facts.maxLength) {
      this.counter = make("span", "kling-form-count");
      head.append(this.counter);
    }
    this.root.append(head, this.control, this.doc, this.why, this.error);
    this.count();
  }

  count() {
    if (!this.counter) return;
    const length = [...this.control.value].length;
    this.counter.textContent = `${length.toLocaleString("en")} / ${this.facts.maxLength.toLocaleString("en")}`;
    this.counter.classList.toggle("kling-form-over", length > this.facts.maxLength);
  }

  read() {
    return this.control.value === "" ? undefined : this.control.value;
  }

  write(value) {
    this.control.value = value ?? "";
    this.count();
  }
}

export class Amount extends Field {
  constructor(form, facts, place) {
    super(form, facts, place);
    this.control = make("input", "kling-form-number");
    Object.assign(this.control, { type: "number", id: this.id, step: facts.whole ? 1 : "any" });
    this.control.placeholder = facts.default || facts.assumed || "";
    for (const bound of ["min", "max"]) {
      if (facts[bound] !== null && facts[bound] !== undefined) this.control[bound] = facts[bound];
    }
    const row = make("div", "kling-form-row");
    if (facts.min !== null && facts.max !== null && facts.max - facts.min <= 100) {
      this.slider = make("input", "kling-form-slider");
      Object.assign(this.slider, { type: "range", min: facts.min, max: facts.max, step: facts.step });
      this.slider.setAttribute("aria-label", `${facts.label}, slider`);
      this.slider.oninput = () => {
        this.control.value = this.slider.value;
        this.show();
        this.changed();
      };
      row.append(this.slider);
    }
    this.control.oninput = () => {
      this.show();
      this.changed();
    };
    row.append(this.control);
    if (facts.unit && facts.unit !== facts.label.toLowerCase()) row.append(make("span", "kling-form-unit", facts.unit));
    this.root = make("div", "kling-form-field");
    this.root.append(this.heading("label", this.id), row, this.doc, this.why, this.error);
    this.show();
  }

  show() {
    if (!this.slider) return;
    const { min, max } = this.facts;
    const rest = this.facts.default || this.facts.assumed || (min <= 0 && max >= 0 ? 0 : min);
    this.slider.value = this.control.value === "" ? rest : this.control.value;
    this.slider.classList.toggle("kling-form-unset", this.control.value === "");
  }

  read() {
    const text = this.control.value;
    if (text === "" || text === String(this.facts.default)) return undefined;
    return Number(text);
  }

  write(value) {
    this.control.value = value ?? "";
    this.show();
  }
}
