// The sizes that a canvas can have, and a drawing brought to another one.

const LEAST_SIDE = 256; // a run that is trained on fewer pixels is drawn for on more, so that strokes are smooth
const RATIOS = [["Square", 1, 1], ["Wide", 3, 2], ["Panorama", 2, 1], ["Tall", 2, 3]];

// [{name, width, height}]; the first is what the run was trained on.
export function shapesOf({ width, height, multiple }) {
  const shorter = Math.min(width, height), side = shorter * Math.max(1, Math.ceil(LEAST_SIDE / shorter));
  const whole = (pixels) => Math.max(multiple, Math.round(pixels / multiple) * multiple);
  const shapes = RATIOS.map(([name, across, down]) => {
    const least = Math.min(across, down);
    return { name, width: whole((side * across) / least), height: whole((side * down) / least) };
  });
  const trained = { name: "As trained", width: (width * side) / shorter, height: (height * side) / shorter };
  return width === height ? shapes : [trained, ...shapes];
}

// The ids of a map, stretched to another size.
export function stretched(map, width, height) {
  const ids = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const row = Math.floor(((y + 0.5) * map.height) / height) * map.width;
    for (let x = 0; x < width; x++) ids[y * width + x] = map.ids[row + Math.floor(((x + 0.5) * map.width) / width)];
  }
  return ids;
}
