// Cosines of texts to the passages. The vectors come as one scale and one row of int8 for each passage.

/** The vectors of all passages, from the bytes of vectors.bin: all scales first, then all rows. */
export function readVectors(bytes, count, dimension) {
  if (bytes.byteLength !== count * (4 + dimension)) throw new Error("the vectors are not those of the library");
  return {
    count,
    dimension,
    scales: new Float32Array(bytes.buffer, bytes.byteOffset, count),
    rows: new Int8Array(bytes.buffer, bytes.byteOffset + 4 * count, count * dimension),
  };
}

/** The cosine of one text to each passage. */
export function scoreMeaning({ count, dimension, scales, rows }, vector) {
  const scores = new Float64Array(count);
  for (let place = 0, at = 0; place < count; place++) {
    let sum = 0;
    for (let n = 0; n < dimension; n++, at++) sum += rows[at] * vector[n];
    scores[place] = sum * scales[place];
  }
  return scores;
}
