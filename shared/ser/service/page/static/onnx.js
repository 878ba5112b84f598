// The properties of a model, which are in the metadata of its file (Protocol Buffers, onnx.proto).

const METADATA = 14;
const NAME = 1;
const VALUE = 2;

/** Return the properties in the bytes of model.onnx: labels, front_end, feature_names, metadata. */
export function propertiesOf(bytes) {
  const text = new TextDecoder();
  const found = {};
  for (const [number, entry] of fields(bytes)) {
    if (number !== METADATA) continue;
    const parts = Object.fromEntries(fields(entry));
    try {
      found[text.decode(parts[NAME])] = JSON.parse(text.decode(parts[VALUE]));
    } catch {
      // Entries of other programs need not be JSON.
    }
  }
  return found;
}

/** Yield the number and the bytes of each field with a length. */
function* fields(bytes) {
  let at = 0;
  const integer = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * scale;
      if (!(byte & 128)) return value;
    }
  };
  while (at < bytes.length) {
    const tag = integer();
    const kind = tag & 7;
    if (kind === 2) {
      const length = integer();
      yield [tag >> 3, bytes.subarray(at, at + length)];
      at += length;
    } else if (kind === 0) integer();
    else at += kind === 1 ? 8 : 4;
  }
}
