// The card of a job. The kernel tells how things stand; only the clock goes on by itself, so that
// the card moves while the kernel is busy or says nothing.

import { keepKeys } from "./keys.js";

const RUNNING = ["submitting", "waiting", "running", "downloading"];
const STOP = {
  waiting: ["Leave the line", "Nothing is sent then, and nothing is paid."],
  running: ["Stop waiting", "The task goes on at Kling and is paid for; only this card stops."],
};
const VERBS = { video: "Play", audio: "Play", image: "Show" };
const TYPES = { video: "video/mp4", audio: "audio/mpeg", image: "image/png" };

function make(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function size(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function title(model) {
  const prompt = model.get("prompt");
  return `Kling ${model.get("command")}${prompt ? `: ${prompt}` : ""}`;
}

function render({ model, el, signal }) {
  const me = crypto.randomUUID?.() ?? String(Math.random());
  const root = make("section", "kling kling-card");
  const head = make("p", "kling-card-head");
  const state = make("strong");
  state.setAttribute("role", "status");
  const time = make("span", "kling-card-time");
  head.append(state, time);
  const bar = make("progress");
  const prompt = make("p", "kling-card-prompt");
  const facts = make("p", "kling-card-quiet");
  const notes = make("ul", "kling-card-notes");
  const actions = make("p", "kling-card-actions");
  const stop = make("button");
  stop.type = "button";
  const consequence = make("span", "kling-card-quiet");
  consequence.id = `kling-${me}`;
  stop.setAttribute("aria-describedby", consequence.id);
  actions.append(stop, consequence);
  const problem = make("p", "kling-card-problem");
  problem.setAttribute("role", "alert");
  const shown = make("div", "kling-card-files");
  root.append(head, bar, prompt, facts, notes, actions, problem, shown);
  keepKeys(root);
  el.append(root);

  let base = model.get("elapsed");
  let since = performance.now();
  const elapsed = () => base + (performance.now() - since) / 1000;

  function tick() {
    if (!RUNNING.includes(model.get("phase"))) return;
    const gone = elapsed();
    const usual = model.get("phase") === "running" ? model.get("usual") : "";
    const most = model.get("usual_most");
    time.textContent = usual ? `${clock(gone)}, usually ${usual}` : clock(gone);
    bar.setAttribute("aria-label", usual ? `Seconds gone by, of ${most.toFixed(0)} at most as a rule` : "Under way");
    if (usual && gone <= 1.2 * most) {
      bar.max = most;
      bar.value = Math.min(gone, most);
    } else {
      bar.removeAttribute("value");
    }
    announce(usual && gone > 1.2 * most ? ", longer than usual" : "");
  }

  // A status is read out whenever its text changes, so it changes at coarse steps only.
  function announce(more) {
    const text = model.get("words") + more;
    if (state.textContent !== text) state.textContent = text;
  }

  function update() {
    const phase = model.get("phase");
    const runs = RUNNING.includes(phase);
    root.setAttribute("aria-label", title(model));
    root.dataset.phase = phase;
    prompt.textContent = model.get("prompt");
    prompt.hidden = !prompt.textContent;
    facts.textContent = model.get("facts").join(" · ");
    notes.replaceChildren(...model.get("notes").map((note) => make("li", "", note)));
    notes.hidden = !notes.childElementCount;
    bar.hidden = time.hidden = !runs;
    const offer = STOP[phase];
    if (!offer && actions.contains(document.activeElement)) root.focus();
    actions.hidden = !offer;
    if (offer) [stop.textContent, consequence.textContent] = offer;
    const lines = [...model.get("error"), model.get("trouble")].filter(Boolean);
    problem.textContent = lines.join("\n");
    problem.hidden = !lines.length;
    if (runs) tick();
    else announce("");
    files();
  }

  function files() {
    const made = model.get("files");
    if (!made.length || shown.childElementCount) return;
    const poster = model.get("poster");
    if (poster) {
      const image = make("img");
      image.src = poster;
      image.alt = title(model);
      shown.append(image);
    }
    made.forEach((file, number) => {
      const button = make("button", "", `${VERBS[file.kind]} ${file.name} (${size(file.size)})`);
      button.type = "button";
      button.onclick = () => {
        button.disabled = true;
        button.textContent = `Loading ${file.name} …`;
        parts.set(number, { button, file, chunks: [] });
        model.send({ kind: "play", file: number, for: me });
      };
      shown.append(button);
    });
    if (model.get("keep")) {
      shown.append(make("p", "kling-card-quiet", `To keep it in the saved notebook: ${model.get("keep")}`));
    }
  }

  const parts = new Map();
  const links = [];

  function received(message, buffers) {
    if (message.kind !== "chunk" || message.for !== me) return;
    const loading = parts.get(message.file);
    loading.chunks[message.at] = buffers[0];
    loading.button.textContent = `Loading ${loading.file.name}, ${message.at + 1} of ${message.of} MB …`;
    if (loading.chunks.filter(Boolean).length === message.of) play(loading);
  }

  function play({ button, file, chunks }) {
    const link = URL.createObjectURL(new Blob(chunks, { type: TYPES[file.kind] }));
    links.push(link);
    const player = make(file.kind === "image" ? "img" : file.kind);
    player.src = link;
    if (file.kind === "image") {
      player.alt = title(model);
    } else {
      player.controls = true;
      player.setAttribute("aria-label", title(model));
    }
    shown.querySelector(":scope > img")?.remove();
    button.replaceWith(player);
    if (file.kind !== "image") {
      player.tabIndex = 0;
      player.focus();
      player.play().catch(() => {}); // the browser may want a click first; the controls are there
    }
  }

  stop.onclick = () => {
    stop.disabled = true;
    stop.textContent = "Stopping …";
    model.send({ kind: "stop" });
  };
  root.tabIndex = -1;

  const moved = () => {
    base = model.get("elapsed");
    since = performance.now();
  };
  const watched = "change:phase change:words change:usual change:facts change:notes change:error change:trouble change:files change:back change:prompt";
  const names = watched.split(" ");
  model.on("change:elapsed", moved);
  for (const name of names) model.on(name, update);
  model.on("msg:custom", received);
  const timer = setInterval(tick, 1000);
  update();
  model.send({ kind: "here" });

  return () => {
    clearInterval(timer);
    model.off("change:elapsed", moved);
    for (const name of names) model.off(name, update);
    model.off("msg:custom", received);
    for (const link of links) URL.revokeObjectURL(link);
    model.send({ kind: "gone" });
  };
}

export default { render };
