// The plane that everything is drawn on: pixels of the picture, x to the right and y downwards.
// The API counts y upwards from the bottom edge. Nothing here touches the page.

/** A point of the plane in the API's coordinates: whole pixels from the bottom-left corner. */
export function toApi([x, y], [width, height]) {
  return [clamp(Math.round(x), 0, width), clamp(Math.round(height - y), 0, height)];
}

/** A point of the API in the plane. */
export function fromApi([x, y], [, height]) {
  return [x, height - y];
}

export function clamp(value, least, most) {
  return Math.min(Math.max(value, least), most);
}

/** Set every pixel whose centre lies within `radius` of the line from a to b; what was touched. */
export function stroke(mask, size, a, b, radius, value) {
  const [width, height] = size;
  const box = inside(
    [Math.min(a[0], b[0]) - radius, Math.min(a[1], b[1]) - radius],
    [Math.max(a[0], b[0]) + radius, Math.max(a[1], b[1]) + radius],
    size,
  );
  const dx = b[0] - a[0], dy = b[1] - a[1];
  const length2 = dx * dx + dy * dy, reach2 = radius * radius;
  for (let row = box.top; row < box.bottom; row++) {
    const py = row + 0.5 - a[1];
    for (let column = box.left; column < box.right; column++) {
      const px = column + 0.5 - a[0];
      const share = length2 ? clamp((px * dx + py * dy) / length2, 0, 1) : 0;
      const ex = px - share * dx, ey = py - share * dy;
      if (ex * ex + ey * ey <= reach2) mask[row * width + column] = value;
    }
  }
  return box;
}

/** Set the pixels whose centres lie between two corners. */
export function rectangle(mask, size, a, b, value) {
  const edge = (v) => Math.ceil(v - 0.5);
  const [width, height] = size;
  const box = {
    left: clamp(edge(Math.min(a[0], b[0])), 0, width),
    top: clamp(edge(Math.min(a[1], b[1])), 0, height),
    right: clamp(edge(Math.max(a[0], b[0])), 0, width),
    bottom: clamp(edge(Math.max(a[1], b[1])), 0, height),
  };
  for (let row = box.top; row < box.bottom; row++) {
    mask.fill(value, row * width + box.left, row * width + Math.max(box.left, box.right));
  }
  return box;
}

/** Set the area around a point that is all of one kind, up to where the other kind begins. */
export function flood(mask, [width, height], [x, y], value) {
  const column = clamp(Math.floor(x), 0, width - 1), row = clamp(Math.floor(y), 0, height - 1);
  const box = { left: width, top: height, right: 0, bottom: 0 };
  if (mask[row * width + column] === value) return { left: 0, top: 0, right: 0, bottom: 0 };
  const waiting = [[column, row]];
  while (waiting.length) {
    const [cx, cy] = waiting.pop();
    const start = cy * width;
    if (mask[start + cx] === value) continue;
    let left = cx, right = cx;
    while (left > 0 && mask[start + left - 1] !== value) left--;
    while (right < width - 1 && mask[start + right + 1] !== value) right++;
    mask.fill(value, start + left, start + right + 1);
    box.left = Math.min(box.left, left);
    box.right = Math.max(box.right, right + 1);
    box.top = Math.min(box.top, cy);
    box.bottom = Math.max(box.bottom, cy + 1);
    for (const next of [cy - 1, cy + 1]) {
      if (next < 0 || next >= height) continue;
      for (let i = left; i <= right; i++) {
        const open = mask[next * width + i] !== value;
        if (open && (i === left || mask[next * width + i - 1] === value)) waiting.push([i, next]);
      }
    }
  }
  return box;
}

/** How many pixels are set, and the smallest box around them. */
export function extent(mask, [width, height]) {
  const box = { left: width, top: height, right: 0, bottom: 0 };
  let count = 0;
  for (let row = 0, i = 0; row < height; row++) {
    for (let column = 0; column < width; column++, i++) {
      if (!mask[i]) continue;
      count++;
      if (column < box.left) box.left = column;
      if (column >= box.right) box.right = column + 1;
      if (row < box.top) box.top = row;
      box.bottom = row + 1;
    }
  }
  return { count, ...box };
}

/** One bit a pixel, rows padded to whole bytes, the first pixel in the highest bit. */
export function pack(mask, [width, height]) {
  const stride = (width + 7) >> 3;
  const bits = new Uint8Array(stride * height);
  for (let row = 0, i = 0; row < height; row++) {
    for (let column = 0; column < width; column++, i++) {
      if (mask[i]) bits[row * stride + (column >> 3)] |= 128 >> (column & 7);
    }
  }
  return bits;
}

/** The pixels of packed bits: 1 inside, 0 outside. */
export function unpack(bits, [width, height]) {
  const stride = (width + 7) >> 3;
  const mask = new Uint8Array(width * height);
  for (let row = 0, i = 0; row < height; row++) {
    for (let column = 0; column < width; column++, i++) {
      mask[i] = (bits[row * stride + (column >> 3)] >> (7 - (column & 7))) & 1;
    }
  }
  return mask;
}

/** At most `most` of the points, those that shape the line; the ends always stay. */
export function simplified(points, most, tolerance = 1) {
  let kept = thinned(points, tolerance);
  for (let reach = tolerance * 1.5; kept.length > Math.max(most, 2); reach *= 1.5) {
    kept = thinned(points, reach);
  }
  return kept.slice(0, most);
}

/** The point at a share of the line's length. */
export function along(points, share) {
  let left = share * lengthOf(points);
  for (let i = 1; i < points.length; i++) {
    const [a, b] = [points[i - 1], points[i]];
    const step = Math.hypot(b[0] - a[0], b[1] - a[1]);
    if (step && left <= step) {
      return [a[0] + ((b[0] - a[0]) * left) / step, a[1] + ((b[1] - a[1]) * left) / step];
    }
    left -= step;
  }
  return points[points.length - 1];
}

/** 0 to 1, slow at both ends. */
export function eased(share) {
  const t = clamp(share, 0, 1);
  return t * t * (3 - 2 * t);
}

/** Which of the points lies within `reach` of a place, the nearest; -1 when none does. */
export function nearest(points, [x, y], reach) {
  let best = -1, least = reach;
  points.forEach(([px, py], i) => {
    const distance = Math.hypot(px - x, py - y);
    if (distance <= least) [best, least] = [i, distance];
  });
  return best;
}

export function lengthOf(points) {
  let sum = 0;
  for (let i = 1; i < points.length; i++) {
    sum += Math.hypot(points[i][0] - points[i - 1][0], points[i][1] - points[i - 1][1]);
  }
  return sum;
}

function inside([left, top], [right, bottom], [width, height]) {
  return {
    left: clamp(Math.floor(left), 0, width),
    top: clamp(Math.floor(top), 0, height),
    right: clamp(Math.ceil(right), 0, width),
    bottom: clamp(Math.ceil(bottom), 0, height),
  };
}

function thinned(points, reach) {
  if (points.length < 3) return points;
  const keep = new Set([0, points.length - 1]);
  const spans = [[0, points.length - 1]];
  while (spans.length) {
    const [from, to] = spans.pop();
    let far = -1, most = reach;
    for (let i = from + 1; i < to; i++) {
      const distance = offLine(points[i], points[from], points[to]);
      if (distance > most) [far, most] = [i, distance];
    }
    if (far < 0) continue;
    keep.add(far);
    spans.push([from, far], [far, to]);
  }
  return points.filter((_, i) => keep.has(i));
}

function offLine([x, y], a, b) {
  const dx = b[0] - a[0], dy = b[1] - a[1], length2 = dx * dx + dy * dy;
  const share = length2 ? clamp(((x - a[0]) * dx + (y - a[1]) * dy) / length2, 0, 1) : 0;
  return Math.hypot(x - a[0] - share * dx, y - a[1] - share * dy);
}
