// Fields with an inside: lists, and objects with fields of their own.

import { Choice, Flag, Segments } from "./form_choice.js";
import { Field, make, put } from "./form_field.js";
import { Medium } from "./form_medium.js";
import { Amount, Text } from "./form_text.js";

class List extends Field {
  constructor(form, facts, place) {
    super(form, facts, place);
    this.items = [];
    this.media = facts.item.kind === "media";
    this.body = make("div", `kling-form-items kling-form-items-${facts.item.kind}`);
    this.add = make("button", "kling-form-quiet");
    this.add.type = "button";
    this.add.textContent = `Add ${facts.item.label.toLowerCase().replace(/s$/, "")}`;
    this.add.onclick = () => {
      this.grow();
      this.items.at(-1).focus();
      if (!this.media) this.changed(true);
    };
    this.control = this.add;
    [this.root, this.inside] = folded(this, place);
    this.inside.append(this.body, this.add);
    this.least();
  }

  // As many empty places as are needed at least, where media are needed.
  least() {
    if (!this.media) return this.limit();
    while (this.items.length < Math.max(this.facts.least, 1)) this.grow();
  }

  limit() {
    this.add.hidden = this.facts.most !== null && this.items.length >= this.facts.most;
  }

  grow(value) {
    const number = this.items.length;
    const one = this.facts.item.label.replace(/s$/, "");
    const facts = { ...this.facts.item, label: `${one} ${number + 1}`, doc: "", required: false };
    const field = build(this.form, facts, `${this.place}.${number}`);
    if (value !== undefined) field.write(value);
    const remove = make("button", "kling-form-quiet", "Remove");
    remove.type = "button";
    remove.setAttribute("aria-label", `Remove ${facts.label}`);
    remove.onclick = () => {
      const values = this.items.map((item) => item.field.read());
      values.splice(this.items.findIndex((item) => item.field === field), 1);
      this.fill(values);
      this.add.hidden ? this.items.at(-1)?.focus() : this.add.focus();
      this.changed(true);
    };
    const root = make("div", "kling-form-item");
    root.append(field.root, remove);
    this.body.append(root);
    const focus = () => (field.first ?? field.control)?.focus();
    this.items.push({ field, focus });
    this.limit();
  }

  fill(values) {
    for (const { field } of this.items) field.forget();
    this.items = [];
    this.body.replaceChildren();
    for (const value of values) this.grow(value);
    this.least();
  }

  forget() {
    super.forget();
    for (const { field } of this.items) field.forget();
  }

  read() {
    const values = this.items.map(({ field }) => field.read());
    if (this.media) {
      const given = values.filter((value) => value !== undefined);
      return given.length ? given : undefined;
    }
    return values.length ? values.map((value) => value ?? {}) : undefined;
  }

  write(value) {
    const values = value === undefined ? [] : Array.isArray(value) ? value : [value];
    this.fill(values);
    if (values.length && this.root.tagName === "DETAILS") this.root.open = true;
  }

  get first() {
    return this.items.length ? (this.items[0].field.first ?? this.items[0].field.control) : this.add;
  }
}

class Part extends Field {
  constructor(form, facts, place) {
    super(form, facts, place);
    [this.root, this.inside] = folded(this, place);
    this.parts = facts.fields.map((inner) => build(form, inner, `${place}.${inner.name}`));
    const grid = make("div", "kling-form-grid");
    grid.append(...this.parts.map((part) => part.root));
    this.inside.append(grid);
    if (facts.oneOnly) this.exclusive();
  }

  // Only one of the fields may have a value: giving one takes it from the others.
  exclusive() {
    for (const part of this.parts) {
      part.root.addEventListener("input", () => {
        if (part.read()) for (const other of this.parts) if (other !== part) other.write(undefined);
      });
    }
  }

  get control() {
    return this.parts[0].first ?? this.parts[0].control;
  }

  get first() {
    return this.control;
  }

  read() {
    const value = {};
    for (const part of this.parts) put(value, part.facts.name, part.read());
    return Object.keys(value).length ? value : undefined;
  }

  write(value) {
    const given = value && typeof value === "object" ? value : {};
    for (const part of this.parts) part.write(given[part.facts.name]);
    if (value !== undefined && this.root.tagName === "DETAILS") this.root.open = true;
  }

  forget() {
    super.forget();
    for (const part of this.parts) part.forget();
  }
}

// What has an inside: folded away on the top floor when it is rarely used, a group elsewhere.
function folded(field, place) {
  const deep = place.includes(".") || field.form.leading.has(place);
  const inside = make("fieldset", "kling-form-inside");
  inside.append(field.heading("legend"));
  if (deep) {
    const root = make("div", "kling-form-field kling-form-group");
    root.append(inside, field.doc, field.why, field.error);
    field.marked = inside;
    return [root, inside];
  }
  const root = make("details", "kling-form-field kling-form-fold");
  const summary = make("summary");
  summary.append(make("span", "kling-form-label", field.facts.label), field.doc, field.why);
  inside.querySelector("legend").className = "kling-form-hidden";
  root.append(summary, inside, field.error);
  field.marked = inside;
  field.opener = root;
  return [root, inside];
}

export function build(form, facts, place) {
  switch (facts.kind) {
    case "number":
      return new Amount(form, facts, place);
    case "flag":
      return new Flag(form, facts, place);
    case "choice":
      return new (facts.segments ? Segments : Choice)(form, facts, place);
    case "media":
      return new Medium(form, facts, place);
    case "list":
      return new List(form, facts, place);
    case "part":
      return new Part(form, facts, place);
    default:
      return new Text(form, facts, place);
  }
}
