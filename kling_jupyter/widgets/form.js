// The form of an endpoint, built from `spec` alone. The page holds what is typed and tells the
// kernel; what is wrong, what cannot be had and what it costs comes back from there.

import { make, put } from "./form_field.js";
import { build } from "./form_group.js";
import { Medium } from "./form_medium.js";
import { Uploads } from "./form_upload.js";
import { keepKeys } from "./keys.js";

const PATIENCE = 250; // milliseconds without a key before the kernel is asked

class Form {
  constructor(model, root) {
    this.model = model;
    this.root = root;
    this.id = `kling-${(crypto.randomUUID?.() ?? String(Math.random()).slice(2)).slice(0, 8)}`;
    this.fields = new Map();
    this.top = [];
    this.asked = false; // a press on the button shows what is still missing
    this.uploads = new Uploads(model, () => this.previews());
    const spec = model.get("spec");
    this.leading = new Set(spec.sections.filter((s) => s.name === "input").flatMap((s) => s.fields.map((f) => f.name)));
    this.lead = spec.lead || spec.sections[0].fields[0].name;
    root.append(this.header(spec), ...spec.sections.map((section) => this.section(section)), this.footer());
    this.refill();
  }

  header(spec) {
    const header = make("div", "kling-form-title");
    const title = make("h3", "", spec.title);
    title.id = `${this.id}-title`;
    this.root.setAttribute("aria-labelledby", title.id);
    header.append(title, make("p", "", spec.summary));
    return header;
  }

  section(section) {
    const more = section.name === "more";
    const root = make(more ? "details" : "div", `kling-form-section kling-form-${section.name}`);
    if (more) root.append(make("summary", "", section.title));
    else if (section.title) {
      root.setAttribute("role", "group");
      root.setAttribute("aria-label", section.title);
    }
    const grid = make("div", "kling-form-grid");
    const fields = section.fields.map((facts) => build(this, facts, facts.name));
    this.top.push(...fields);
    grid.append(...fields.map((field) => field.root));
    root.append(grid);
    if (more) this.more = root;
    return root;
  }

  footer() {
    const footer = make("div", "kling-form-foot");
    this.notes = make("ul", "kling-form-notes");
    this.trouble = make("p", "kling-form-trouble");
    this.trouble.setAttribute("role", "alert");
    this.go = make("button", "kling-form-go");
    this.go.type = "button";
    this.go.onclick = () => this.press();
    this.status = make("p", "kling-form-status");
    this.status.setAttribute("role", "status");
    this.status.id = `${this.id}-status`;
    this.go.setAttribute("aria-describedby", this.status.id);
    const copies = make("div", "kling-form-copies");
    for (const [style, text] of [["magic", "Copy as %kling"], ["python", "Copy as Python"]]) {
      const button = make("button", "kling-form-quiet", text);
      button.type = "button";
      button.onclick = () => {
        this.copied.textContent = "";
        this.model.send({ kind: "code", style, values: this.read() });
      };
      copies.append(button);
    }
    this.copied = make("span", "kling-form-copied");
    this.copied.setAttribute("role", "status");
    copies.append(this.copied);
    this.shown = make("pre", "kling-form-code");
    this.shown.tabIndex = 0;
    this.shown.setAttribute("aria-label", "Code of this request");
    this.shown.hidden = true;
    const row = make("div", "kling-form-actions");
    row.append(this.go, this.status, copies);
    footer.append(this.notes, this.trouble, row, this.shown);
    return footer;
  }

  // --- values ---

  read() {
    const values = {};
    for (const field of this.top) put(values, field.facts.name, field.read());
    return values;
  }

  refill() {
    const values = this.model.get("values");
    for (const field of this.top) field.write(values[field.facts.name]);
    const extra = this.model.get("spec").sections.find((s) => s.name === "more")?.fields ?? [];
    if (this.more && extra.some(({ name }) => name in values)) this.more.open = true;
    this.judge();
  }

  changed(now) {
    this.pending = true;
    this.copied.textContent = "";
    this.shown.hidden = true;
    clearTimeout(this.timer);
    if (now) this.tell();
    else this.timer = setTimeout(() => this.tell(), PATIENCE);
  }

  tell() {
    clearTimeout(this.timer);
    this.pending = false;
    this.model.set("values", this.read());
    this.model.save_changes();
  }

  // --- verdict ---

  known(place) {
    return this.model.get("media")[place] ?? {};
  }

  previews() {
    for (const field of this.fields.values()) {
      if (field instanceof Medium) field.preview(this.known(field.place));
    }
  }

  judge() {
    const errors = this.spread(this.model.get("errors"));
    const missing = new Set(this.model.get("missing"));
    const disabled = this.model.get("disabled");
    const refused = this.model.get("refused");
    for (const [place, field] of this.fields) {
      const quiet = missing.has(place) && !this.asked && !field.touched;
      field.refuse(refused[place] ?? {});
      field.judge(quiet ? "" : (errors.get(place) ?? []).join(" "), disabled[place]);
    }
    this.button();
  }

  // An error stands at the field of its place, or at the nearest field around that.
  spread(errors) {
    const spread = new Map();
    for (const [place, text] of Object.entries(errors)) {
      let at = place;
      while (at && !this.fields.has(at)) at = at.slice(0, Math.max(0, at.lastIndexOf(".")));
      if (!at) at = this.lead;
      spread.set(at, [...(spread.get(at) ?? []), text]);
    }
    return spread;
  }

  wrong() {
    const spread = this.spread(this.model.get("errors"));
    return [...this.fields.values()].filter((field) => spread.has(field.place));
  }

  button() {
    const busy = this.model.get("busy");
    const wrong = this.wrong();
    const cost = this.model.get("cost");
    const off = busy || wrong.length > 0;
    this.go.textContent = busy ? "Submitting …" : cost ? `Generate: ${cost}` : "Generate";
    this.go.setAttribute("aria-disabled", String(off));
    const missing = new Set(this.model.get("missing"));
    const list = (fields) => [...new Set(fields.map((field) => field.facts.label))].join(", ");
    const open = wrong.filter((field) => missing.has(field.place));
    const bad = wrong.filter((field) => !missing.has(field.place));
    const lines = [bad.length ? `To fix: ${list(bad)}.` : "", open.length ? `Still needed: ${list(open)}.` : ""];
    const text = lines.filter(Boolean).join(" ") || this.model.get("status");
    if (this.status.textContent !== text) this.status.textContent = text;
    const notes = this.model.get("warnings");
    this.notes.replaceChildren(...notes.map((note) => make("li", "", note)));
    this.notes.hidden = !notes.length;
    this.trouble.textContent = this.model.get("trouble");
    this.trouble.hidden = !this.trouble.textContent;
  }

  press() {
    if (this.model.get("busy") || this.sent === this.model.get("presses")) return;
    if (!this.pending && this.wrong().length) return this.reveal();
    clearTimeout(this.timer);
    this.pending = false;
    this.sent = this.model.get("presses");
    this.asked = true;
    this.model.send({ kind: "submit", press: this.sent, cost: this.model.get("cost"), values: this.read() });
  }

  reveal() {
    this.asked = true;
    this.judge();
    const [first] = this.wrong();
    for (let at = first.root; at && at !== this.root; at = at.parentElement) {
      if (at.tagName === "DETAILS") at.open = true;
    }
    (first.first ?? first.control).focus();
  }

  // --- code ---

  async code({ text, style }) {
    this.shown.textContent = text;
    this.shown.hidden = false;
    const name = style === "magic" ? "%kling" : "Python";
    try {
      await navigator.clipboard.writeText(text);
      this.copied.textContent = `Copied as ${name}.`;
    } catch {
      getSelection().selectAllChildren(this.shown);
      const done = document.execCommand("copy");
      this.copied.textContent = done ? `Copied as ${name}.` : "Press Ctrl+C to copy what is marked.";
    }
  }
}

function render({ model, el }) {
  const root = make("div", "kling kling-form");
  root.setAttribute("role", "group");
  keepKeys(root);
  el.append(root);
  const form = new Form(model, root);
  const events = {
    "change:filled": () => form.refill(),
    "change:presses": () => form.button(),
    "msg:custom": (message) => {
      if (message.kind === "code") form.code(message);
      else if (message.kind === "refusal") form.sent = undefined;
      else form.uploads.answered(message);
    },
  };
  for (const name of ["errors", "missing", "disabled", "refused", "media"]) events[`change:${name}`] = () => form.judge();
  for (const name of ["cost", "busy", "status", "trouble", "warnings"]) events[`change:${name}`] = () => form.button();
  for (const [name, act] of Object.entries(events)) model.on(name, act);
  root.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.press();
    }
  });
  return () => {
    clearTimeout(form.timer);
    if (form.pending) form.tell();
    for (const [name, act] of Object.entries(events)) model.off(name, act);
    form.uploads.close();
  };
}

export default { render };
