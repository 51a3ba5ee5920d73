// Loading files of this site, with the bytes told as they come.

/** The root of the site: these scripts lie two folders below it. */
export const ROOT = new URL("../../", import.meta.url).href;

/** The address of a file; its digest is in it, so that no browser takes an older one for it. */
export function findAddress({ path, digest }) {
  return `${ROOT}${path}?v=${digest}`;
}

/** The bytes of a file. `tell` is called with the number of each piece's bytes. */
export async function loadBytes(file, tell) {
  const response = await fetch(findAddress(file));
  if (!response.ok) throw new Error(`${file.path}: the server answers ${response.status}`);
  const bytes = new Uint8Array(file.bytes);
  const reader = response.body.getReader();
  let at = 0;
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    if (at + piece.value.length > bytes.length) break;
    bytes.set(piece.value, at);
    at += piece.value.length;
    tell(piece.value.length);
  }
  if (at !== bytes.length) throw new Error(`${file.path}: not the file that this page was built with`);
  return bytes;
}

/** A file of JSON. */
export async function loadJson(path, version) {
  const response = await fetch(`${ROOT}${path}?v=${version}`);
  if (!response.ok) throw new Error(`${path}: the server answers ${response.status}`);
  return response.json();
}
