// The landscape that an empty canvas begins with, made of classes that the model knows, and the order of its palette.

// What a part of a landscape may be called, the likeliest name first.
const NAMES = {
  sky: ["sky", "sky-other", "clouds", "fog"],
  far: ["mountain", "hill", "rock"],
  water: ["sea", "water", "lake", "water-other", "river"],
  shore: ["sand", "dirt", "earth", "gravel", "ground-other"],
  near: ["grass", "field", "land", "bush", "plant-other", "snow", "ground-other"],
  trees: ["tree", "bush", "plant", "plant-other"],
};
const FIRST = [
  "sky", "sky-other", "clouds", "mountain", "sea", "tree", "grass", "sand", "rock", "hill", "water", "water-other", "lake",
  "river", "waterfall", "field", "snow", "fog", "bush", "flower", "dirt", "earth", "gravel", "land", "plant", "leaves",
  "moss", "mud", "stone", "road", "path", "building", "building-other", "house", "bridge", "structure",
];

// Class ids by part of a landscape: {sky, far, water, shore, near, trees}; where there is none of these names, some other.
export function partsOf(classes) {
  const idOf = (name) => classes.find((one) => one.name.toLowerCase() === name)?.id;
  const parts = {};
  for (const [part, names] of Object.entries(NAMES)) parts[part] = names.map(idOf).find((id) => id !== undefined);
  const known = Object.values(parts).filter((id) => id !== undefined);
  const others = known.length ? [...new Set(known)] : classes.slice(0, 3).map((one) => one.id);
  parts.sky ??= others[0];
  parts.near ??= parts.shore ?? others.at(-1);
  parts.water ??= parts.near;
  parts.far ??= parts.sky;
  parts.shore ??= parts.near;
  parts.trees ??= parts.near;
  return parts;
}

// What landscapes are made of comes first, then other stuff, then things; each by name.
export function ordered(classes) {
  const rank = ({ name, thing }) => {
    const place = FIRST.indexOf(name.toLowerCase());
    return place < 0 ? FIRST.length + (thing ? 1 : 0) : place;
  };
  return [...classes].sort((one, other) => rank(one) - rank(other) || one.name.localeCompare(other.name));
}

// width * height ids: a sky, mountains over a bay, a meadow with some trees.
export function landscape(classes, width, height) {
  const { sky, far, water, shore, near, trees } = partsOf(classes), ids = new Uint8Array(width * height);
  for (let x = 0; x < width; x++) {
    const across = x / width;
    const ridge = ridgeAt(across), coast = coastAt(across), crowns = crownsAt(across, coast);
    for (let y = 0; y < height; y++) {
      const down = (y + 0.5) / height;
      let id = sky;
      if (down > ridge) id = far;
      if (down > HORIZON) id = water;
      if (down > coast - 0.035) id = shore;
      if (down > coast) id = near;
      if (down > crowns && down < coast + 0.02) id = trees;
      ids[y * width + x] = id;
    }
  }
  return ids;
}

// Heights of the lines of the landscape, as shares of the picture's from the top; across: from 0 at the left to 1.

const HORIZON = 0.56;
const WOOD = 0.36;
const PEAKS = [[-0.05, 0.5], [0.12, 0.41], [0.2, 0.45], [0.42, 0.25], [0.5, 0.33], [0.58, 0.29], [0.78, 0.47], [0.88, 0.44], [1.05, 0.52]];

function ridgeAt(across) {
  const next = PEAKS.findIndex(([x]) => x > across), [left, from] = PEAKS[next - 1], [right, to] = PEAKS[next];
  const rough = 0.008 * Math.sin(71 * across) + 0.005 * Math.sin(137 * across + 1);
  return from + ((to - from) * (across - left)) / (right - left) + rough;
}

function coastAt(across) {
  return 0.7 + 0.13 * across + 0.05 * Math.sin(5.2 * across + 0.6) + 0.008 * Math.sin(23 * across);
}

// A wood at the left, lower crown by crown; below the coast where it ends.
function crownsAt(across, coast) {
  const along = across / WOOD;
  if (along > 1) return 2;
  return 0.47 + (coast + 0.03 - 0.47) * along ** 1.7 - 0.022 * Math.abs(Math.sin(Math.PI * 3.6 * Math.sqrt(along + 0.05)));
}
