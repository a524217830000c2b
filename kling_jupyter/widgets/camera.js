// The camera: one move at a time. Moving one slider sets the others to zero, as the API wants.

import { bytes, button, calm, make, numberField, select, tell, usage } from "./dom.js";
import { keepKeys } from "./keys.js";
import { DISTANCE, frames } from "./moves.js";

const SECONDS = 3;

let widgets = 0;

class Desk {
  constructor(model, el) {
    this.model = model;
    this.group = `kp-camera-${++widgets}`;
    this.sliders = {};
    this.fixed = make("fieldset", { class: "kp-moves" }, make("legend", {}, "Move"), ...this.moves());
    this.values = make("fieldset", { class: "kp-axes" }, make("legend", {}, "Value of the simple move, one of six"), ...this.axes());
    this.verdict = make("div", { class: "kp-verdict", "aria-live": "polite" });
    const choice = select("Model", model.get("choices"), model.get("choice"), (i) => {
      model.set("choice", i);
      model.save_changes();
    });
    this.choice = choice.querySelector("select");
    const left = make("div", { class: "kp-left" }, this.view(), this.player());
    const side = make("div", { class: "kp-side" }, this.fixed, this.values, choice);
    const root = make(
      "section",
      {
        class: "kling kp kp-camera",
        "aria-label": "Camera",
      },
      make("div", { class: "kp-desk" }, left, side),
      this.verdict,
      usage(model),
    );
    keepKeys(root);
    el.append(root);
    this.refresh();
    this.judge();
  }

  get move() {
    return this.model.get("move");
  }

  moves() {
    return this.model.get("moves").map(({ type, reason }) => {
      const input = make("input", {
        type: "radio",
        name: this.group,
        value: type,
        disabled: Boolean(reason),
        onchange: () => this.set({ ...this.move, type }),
      });
      const name = type.replaceAll("_", " ");
      return make("label", { title: reason || undefined }, input, make("span", {}, name));
    });
  }

  axes() {
    return this.model.get("axes").map(({ name, doc, low, high }) => {
      const facts = { min: String(low), max: String(high), step: "0.1" };
      const id = `${this.group}-${name}`;
      const slider = make("input", {
        type: "range",
        ...facts,
        "aria-label": name,
        "aria-describedby": id,
        oninput: () => this.turn(name, slider.value),
      });
      const named = { ...facts, "aria-label": `${name}, as a number` };
      const number = numberField(named, (text) => this.turn(name, text));
      this.sliders[name] = { slider, number, low, high };
      return make(
        "div",
        { class: "kp-axis" },
        make("span", { class: "kp-name" }, name),
        slider,
        number,
        make("span", { class: "kp-facts", id }, doc),
      );
    });
  }

  view() {
    const { preview } = this.model.get("backdrop");
    this.world = make("div", { class: "kp-world" });
    if (preview) {
      this.address = URL.createObjectURL(new Blob([bytes(preview)], { type: "image/jpeg" }));
      const plane = make("div", { class: "kp-plane kp-photo" });
      plane.style.backgroundImage = `url(${this.address})`;
      this.world.append(plane);
    } else {
      for (const [name, depth] of [["sky", 900], ["hills", 450], ["meadow", 200], ["tower", 80], ["trees", -110]]) {
        const plane = make("div", { class: `kp-plane kp-${name}` });
        plane.style.transform = `translateZ(${-depth}px) scale(${(DISTANCE + depth) / DISTANCE})`;
        this.world.append(plane);
      }
    }
    const view = make(
      "div",
      { class: "kp-view", role: "img", "aria-label": "Preview of the move" },
      this.world,
    );
    const { width, height } = this.model.get("backdrop");
    view.style.perspective = `${DISTANCE}px`;
    view.style.aspectRatio = width ? `${width} / ${height}` : "16 / 9";
    return view;
  }

  player() {
    this.playing = button("Play the move", () => (this.running ? this.stop() : this.play()), {
      disabled: calm(),
      title: calm() ? "Your system asks for less motion; use the slider" : undefined,
    });
    this.moment = make("input", {
      type: "range",
      min: "0",
      max: "100",
      value: "100",
      "aria-label": "Moment of the preview, in percent of the clip",
      oninput: () => {
        this.stop();
        this.show();
      },
    });
    return make("div", { class: "kp-player" }, this.playing, this.moment);
  }

  // --- the move ---

  turn(axis, text) {
    const { low, high } = this.sliders[axis];
    const number = Number(text);
    const value = Number.isFinite(number) ? Math.min(Math.max(number, low), high) : 0;
    this.set({ type: "simple", axis, value });
  }

  set(move) {
    this.model.set("move", move);
    this.model.save_changes();
  }

  refresh() {
    const { type, axis, value } = this.move;
    for (const input of this.fixed.querySelectorAll("input")) input.checked = input.value === type;
    this.values.disabled = type !== "simple";
    for (const [name, { slider, number }] of Object.entries(this.sliders)) {
      const shown = String(name === axis && type === "simple" ? value : 0);
      if (slider.value !== shown) slider.value = shown;
      if (number.value !== shown) number.value = shown;
    }
    this.film?.cancel();
    const [first, last] = frames(this.move);
    this.film = this.world.animate([{ transform: first }, { transform: last }], {
      duration: 1000 * SECONDS,
      easing: "ease-in-out",
      iterations: Infinity,
    });
    if (!this.running) this.show();
  }

  judge() {
    tell(this.verdict, this.model.get("verdict"));
  }

  // --- preview ---

  show() {
    this.film.pause();
    this.film.currentTime = 10 * SECONDS * Math.min(Number(this.moment.value), 99.99);
  }

  play() {
    this.running = true;
    this.playing.textContent = "Stop the preview";
    this.film.currentTime = 0;
    this.film.play();
    const tick = () => {
      const share = (this.film.currentTime / (1000 * SECONDS)) % 1;
      this.moment.value = String(Math.round(100 * share));
      this.frame = requestAnimationFrame(tick);
    };
    this.frame = requestAnimationFrame(tick);
  }

  stop() {
    cancelAnimationFrame(this.frame);
    if (!this.running) return;
    this.running = false;
    this.playing.textContent = "Play the move";
    this.show();
  }

  close() {
    this.stop();
    this.film.cancel();
    if (this.address) URL.revokeObjectURL(this.address);
  }
}

function render({ model, el }) {
  const desk = new Desk(model, el);
  const refresh = () => desk.refresh();
  const judge = () => desk.judge();
  const choose = () => (desk.choice.selectedIndex = model.get("choice"));
  model.on("change:move", refresh);
  model.on("change:verdict", judge);
  model.on("change:choice", choose);
  return () => {
    model.off("change:move", refresh);
    model.off("change:verdict", judge);
    model.off("change:choice", choose);
    desk.close();
  };
}

export default { render };
