// What a camera move does to the picture: the first and the last view, as CSS transforms.
//
// The camera stands `DISTANCE` in front of the scene. Where it goes right, things go left.

export const DISTANCE = 600;

const TURN = 11, ROLL = 10, SHIFT = 9, ROOM = 1.3;

/** The transforms at the beginning and the end of a move. */
export function frames({ type, axis, value }) {
  const strength = value ? Math.sign(value) * (0.3 + 0.07 * Math.min(10, Math.abs(value))) : 0;
  const [from, to] = type === "simple" ? simple(axis, strength) : FIXED[type];
  return [transform(from), transform(to)];
}

const FIXED = {
  down_back: [{ zoom: 1.4, y: 9 }, { zoom: 1, y: -1 }],
  forward_up: [{ zoom: 1, y: -1 }, { zoom: 1.4, y: 9 }],
  right_turn_forward: [{ zoom: 1 }, { zoom: 1.3, yaw: TURN }],
  left_turn_forward: [{ zoom: 1 }, { zoom: 1.3, yaw: -TURN }],
};

function simple(axis, s) {
  const both = (name, reach) => [{ [name]: -reach * s }, { [name]: reach * s }];
  switch (axis) {
    case "horizontal":
      return both("x", -SHIFT);
    case "vertical":
      return both("y", SHIFT);
    case "pan":
      return both("yaw", TURN);
    case "tilt":
      return both("pitch", TURN * 0.7);
    case "roll":
      return both("roll", -ROLL);
    default: {
      const near = 1 + 0.6 * Math.abs(s);
      return s > 0 ? [{ zoom: near }, { zoom: 1 }] : [{ zoom: 1 }, { zoom: near }];
    }
  }
}

function transform({ x = 0, y = 0, zoom = 1, yaw = 0, pitch = 0, roll = 0 }) {
  const tidy = (number) => Number(number.toFixed(3));
  return (
    `translate(${tidy(x)}%, ${tidy(y)}%) scale(${tidy(ROOM * zoom)}) ` +
    `translateZ(${DISTANCE}px) rotateY(${tidy(yaw)}deg) rotateX(${tidy(pitch)}deg) ` +
    `rotateZ(${tidy(roll)}deg) translateZ(${-DISTANCE}px)`
  );
}
