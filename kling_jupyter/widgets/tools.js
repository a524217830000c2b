// What the pointer and the keys do on the canvas, one entry a tool.
//
// A tool gets places on the plane: `down`, `move` and `up` follow a pointer, `key` is Enter or the
// space bar at the crosshair. All of it happens in the page; Python hears of finished steps only.

import { flood, fromApi, nearest, rectangle, simplified, stroke, toApi } from "./geometry.js";

const GRAB = 9;
const DRAG = 4;

/** Tools that paint with a round tip: value 1 paints, 0 erases. */
function tip(name, value, icon) {
  return {
    name,
    icon,
    sized: true,
    down(desk, place) {
      this.last = place;
      desk.touch(stroke(desk.mask, desk.size, place, place, desk.radius, value));
    },
    move(desk, place) {
      desk.touch(stroke(desk.mask, desk.size, this.last, place, desk.radius, value));
      this.last = place;
    },
    up(desk) {
      desk.finish(value ? "stroke" : "erasure", true);
    },
  };
}

export const TOOLS = {
  brush: tip("Brush", 1, "M3 13c2 0 2-2 4-2l6-8-3-1-5 7c-2 0-3 2-2 4z"),
  eraser: tip("Eraser", 0, "M6 13h7M3 10l6-6 4 4-5 5H6z"),
  rectangle: {
    name: "Rectangle",
    icon: "M3 4h10v8H3z",
    down(desk, place) {
      desk.pencil.from = place;
    },
    move() {},
    up(desk, place) {
      const { from } = desk.pencil;
      desk.pencil.from = null;
      if (!place || !from) return;
      desk.touch(rectangle(desk.mask, desk.size, from, place, 1));
      desk.finish("rectangle", true);
    },
    key(desk, place) {
      if (desk.pencil.from) this.up(desk, place);
      else {
        desk.pencil.from = place;
        desk.say("First corner set; press Enter at the other one");
      }
    },
  },
  fill: {
    name: "Fill",
    icon: "M7 2l6 6-5 5-5-5zM13 10v3",
    down(desk, place) {
      desk.touch(flood(desk.mask, desk.size, place, 1));
      desk.finish("fill", true);
    },
    move() {},
    up() {},
  },
  path: {
    name: "Path",
    icon: "M3 13c0-6 6-2 6-7m0 0L6 7m3-1 2 3M12 3h1",
    needsRegion: true,
    down(desk, place) {
      const points = desk.layer.points.map((point) => fromApi(point, desk.size));
      this.held = nearest(points, place, GRAB * desk.pixel);
      this.before = points;
      this.drawn = [place];
    },
    move(desk, place) {
      const { before, drawn, held } = this;
      if (held >= 0) {
        desk.route(before.map((point, i) => (i === held ? place : point)));
        return;
      }
      drawn.push(place);
      const [x, y] = drawn[0];
      const far = (p) => Math.hypot(p[0] - x, p[1] - y) > DRAG * desk.pixel;
      if (this.free || far(place)) {
        this.free = true;
        const room = desk.limits.most - before.length;
        desk.route([...before, ...simplified(drawn, room, desk.pixel)]);
      }
    },
    up(desk, place) {
      const { held, free, drawn, before } = this;
      this.free = false;
      if (held < 0 && !free) place && this.key(desk, drawn[0]);
      else if (desk.layer.points.length !== before.length || held >= 0) desk.finish("path");
    },
    key(desk, place) {
      const { points, id } = desk.layer;
      if (points.length >= desk.limits.most) {
        desk.say(`A path has at most ${desk.limits.most} points`);
        return;
      }
      const added = toApi(place, desk.size);
      desk.layer.points = [...points, added];
      desk.finish("point");
      desk.say(`Region ${id}: point ${points.length + 1} at ${added.join(", ")}`);
    },
  },
};

/** Let the pointer work on the stage's canvas with the desk's tool. */
export function listen(stage, desk) {
  const { canvas } = stage;
  let tool = null;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || tool) return;
    desk.begin();
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    tool = TOOLS[desk.tool];
    const place = stage.place(event);
    stage.cross = within(place, desk.size);
    desk.pencil.at = place;
    tool.down(desk, place);
    stage.draw();
  });
  canvas.addEventListener("pointermove", (event) => {
    desk.pencil.at = stage.place(event);
    if (tool) {
      const steps = event.getCoalescedEvents?.() ?? [];
      for (const step of steps.length ? steps : [event]) tool.move(desk, stage.place(step));
      stage.cross = within(desk.pencil.at, desk.size);
    }
    stage.draw();
  });
  const end = (event) => {
    if (!tool) return;
    const used = tool;
    tool = null;
    used.up(desk, event.type === "pointerup" ? stage.place(event) : null);
    stage.draw();
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("pointerleave", () => {
    if (!tool) desk.pencil.at = null;
    stage.draw();
  });
}

/** Let the keys do on the canvas all that the pointer does. */
export function listenToKeys(stage, desk) {
  const { canvas } = stage;
  const down = { space: false, pen: false, drawing: false };
  const letters = Object.fromEntries(
    Object.entries(TOOLS).map(([id, { name }]) => [name[0].toLowerCase(), id]),
  );

  const tool = () => TOOLS[desk.tool];
  const lift = () => {
    if (down.drawing) tool().up(desk, stage.cross);
    down.drawing = false;
  };
  const press = () => {
    desk.begin();
    if (!tool().sized) {
      if (tool().key) tool().key(desk, stage.cross);
      else tool().down(desk, stage.cross);
    } else if (!down.drawing) {
      down.drawing = true;
      tool().down(desk, stage.cross);
    }
  };
  const walk = (event, dx, dy) => {
    const [width] = desk.size;
    const stride = Math.max(1, Math.round(width / 100));
    const step = event.altKey ? 1 : event.shiftKey ? 5 * stride : stride;
    stage.cross = within([stage.cross[0] + dx * step, stage.cross[1] + dy * step], desk.size);
    if (down.drawing) tool().move(desk, stage.cross);
    if (desk.pencil.from) desk.pencil.at = stage.cross;
    if (stage.zoom) stage.reveal();
    desk.say(`${toApi(stage.cross, desk.size).join(", ")}`);
  };
  const pen = () => {
    if (!tool().sized) {
      desk.say("The pen is for the brush and the eraser");
      return;
    }
    down.pen = !down.pen;
    desk.say(down.pen ? "Pen down: the arrow keys draw" : "Pen up");
    if (down.pen) press();
    else lift();
  };
  const keys = {
    ArrowLeft: (event) => walk(event, -1, 0),
    ArrowRight: (event) => walk(event, 1, 0),
    ArrowUp: (event) => walk(event, 0, -1),
    ArrowDown: (event) => walk(event, 0, 1),
    " ": () => press(),
    Enter: () => {
      press();
      if (!down.pen && !down.space) lift();
    },
    Backspace: () => desk.shorten(),
    Delete: () => desk.shorten(),
    Escape: () => {
      desk.pencil.from = null;
      if (down.pen) pen();
    },
    p: pen,
    "[": () => desk.resize(-2),
    "]": () => desk.resize(2),
    "+": () => stage.magnify(1),
    "=": () => stage.magnify(1),
    "-": () => stage.magnify(-1),
    0: () => stage.magnify(0),
  };
  for (const [letter, id] of Object.entries(letters)) {
    if (letter !== "p") keys[letter] = () => desk.choose(id);
  }
  keys.t = () => desk.choose("path");

  canvas.addEventListener("keydown", (event) => {
    const handle = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (event.ctrlKey || event.metaKey || !handle) return;
    event.preventDefault();
    if (event.key === " " && event.repeat) return;
    if (event.key === " ") down.space = true;
    handle(event);
    stage.draw();
  });
  canvas.addEventListener("keyup", (event) => {
    if (event.key !== " ") return;
    down.space = false;
    if (!down.pen) lift();
  });
  canvas.addEventListener("focus", () => stage.draw());
  canvas.addEventListener("blur", () => {
    down.space = down.pen = false;
    lift();
    stage.draw();
  });
}

function within([x, y], [width, height]) {
  return [Math.min(Math.max(x, 0), width), Math.min(Math.max(y, 0), height)];
}
