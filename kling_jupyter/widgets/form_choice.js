// Switches, and choices of a few or of many.

import { Field, make } from "./form_field.js";

const LISTED = 60; // longer lists are searched by typing

export class Flag extends Field {
  constructor(form, facts, place) {
    super(form, facts, place);
    this.control = make("input");
    Object.assign(this.control, { type: "checkbox", id: this.id });
    this.control.onchange = () => this.changed();
    const label = this.heading("label", this.id);
    const row = make("div", "kling-form-flag");
    row.append(this.control, label);
    this.root = make("div", "kling-form-field");
    this.root.append(row, this.doc, this.why, this.error);
  }

  read() {
    return this.control.checked ? this.facts.on : undefined;
  }

  write(value) {
    this.control.checked = value !== undefined && value !== false && value !== "off" && !(typeof value === "object" && !Object.values(value).some(Boolean));
  }

  refuse(refused) {
    this.refusal = refused[String(this.facts.on)];
  }

  judge(error, reason) {
    super.judge(error, reason || this.refusal);
  }
}

// Few choices stand side by side as radio buttons; more are a list.
export class Segments extends Field {
  constructor(form, facts, place) {
    super(form, facts, place);
    this.root = make("fieldset", "kling-form-field kling-form-segments");
    this.root.append(this.heading("legend"));
    const row = make("div", "kling-form-options");
    const blank = facts.default || facts.required ? [] : [{ value: "", note: "" }];
    this.radios = [...blank, ...facts.choices].map(({ value }, number) => {
      const radio = make("input");
      Object.assign(radio, { type: "radio", name: this.id, value, id: `${this.id}-${number}` });
      radio.onchange = () => this.changed();
      const label = make("label", "", this.named(value));
      label.htmlFor = radio.id;
      const option = make("span", "kling-form-option");
      option.append(radio, label);
      row.append(option);
      return radio;
    });
    this.root.append(row, this.doc, this.why, this.error);
    this.marked = this.root;
    this.write(undefined);
  }

  named(value) {
    if (value === "") return this.facts.assumed ? `default (${this.facts.assumed})` : "not set";
    return this.facts.unit === "seconds" ? `${value} s` : value;
  }

  get control() {
    return this.radios.find((radio) => radio.checked) ?? this.radios[0];
  }

  read() {
    const value = this.radios.find((radio) => radio.checked)?.value;
    return value === undefined || value === "" || value === this.facts.default ? undefined : value;
  }

  write(value) {
    const wanted = value === undefined ? this.facts.default : String(value);
    for (const radio of this.radios) radio.checked = radio.value === wanted;
  }

  enable(on) {
    super.enable(on);
    if (on) this.refuse(this.refused ?? {});
  }

  refuse(refused) {
    this.refused = refused;
    for (const radio of this.radios) {
      radio.disabled = this.off || (radio.value in refused && !radio.checked);
    }
  }

  judge(error, reason) {
    super.judge(error, reason);
    reasons(this);
  }
}

// A long list: a select, or a text that is searched when there are very many, or names that we
// may not know.
export class Choice extends Field {
  constructor(form, facts, place) {
    super(form, facts, place);
    this.root = make("div", "kling-form-field");
    this.root.append(this.heading("label", this.id));
    if (facts.choices.length > LISTED) this.searched();
    else this.listed();
    this.root.append(this.doc, this.why, this.error);
    this.write(undefined);
  }

  searched() {
    this.control = make("input", "kling-form-text");
    const list = make("datalist");
    list.id = `${this.id}-list`;
    Object.assign(this.control, { type: "text", id: this.id, autocomplete: "off" });
    this.control.setAttribute("list", list.id);
    this.control.placeholder = `Type to search ${this.facts.choices.length}`;
    list.append(
      ...this.facts.choices.map(({ value, note }) => {
        const option = make("option", "", note);
        option.value = value;
        return option;
      }),
    );
    this.control.oninput = () => this.changed();
    this.root.append(this.control, list);
  }

  listed() {
    this.select = this.control = make("select", "kling-form-select");
    this.control.id = this.id;
    const { facts } = this;
    if (!facts.default) this.option("", facts.required ? "Choose …" : "");
    for (const { value, note } of facts.choices) this.option(value, this.worded(value, note));
    if (facts.open) {
      this.option("\0", "Another …");
      this.other = make("input", "kling-form-text");
      Object.assign(this.other, { type: "text", autocomplete: "off", hidden: true });
      this.other.setAttribute("aria-label", `${facts.label}, another`);
      this.other.oninput = () => this.changed();
    }
    this.select.onchange = () => {
      if (this.other) this.other.hidden = this.select.value !== "\0";
      if (this.other && !this.other.hidden) this.other.focus();
      this.changed();
    };
    this.root.append(this.select);
    if (this.other) this.root.append(this.other);
  }

  worded(value, note) {
    const text = this.facts.unit === "seconds" ? `${value} s` : value;
    return note ? `${text} · ${note}` : text;
  }

  option(value, text) {
    const option = make("option", "", text);
    option.value = value;
    this.select.append(option);
  }

  read() {
    let { value } = this.control;
    if (value === "\0") value = this.other.value.trim();
    return value === "" || value === this.facts.default ? undefined : value;
  }

  write(value) {
    const wanted = value === undefined ? this.facts.default : String(value);
    this.control.value = wanted;
    if (!this.select || this.select.value === wanted) {
      if (this.other) this.other.hidden = true;
      return;
    }
    if (!this.other) return this.option(wanted, wanted), (this.select.value = wanted);
    this.select.value = "\0";
    this.other.value = wanted;
    this.other.hidden = false;
  }

  refuse(refused) {
    this.refused = refused;
    if (!this.select) return;
    for (const option of this.select.options) {
      option.disabled = option.value in refused && !option.selected;
    }
  }

  judge(error, reason) {
    super.judge(error, reason);
    reasons(this);
  }
}

// Beside choices that cannot be had stands why, each reason once.
function reasons(field) {
  if (field.off || !field.refused || !field.error.hidden) return;
  const unique = [...new Set(Object.values(field.refused))];
  const few = unique.slice(0, 2).map((reason) => `${reason}.`);
  field.why.textContent = few.join(" ");
  field.why.hidden = !few.length;
  field.describe(field.marked ?? field.control);
}
