// The same for a hook of Node.js, with NODE_OPTIONS=--require=….
const later = globalThis.setTimeout
globalThis.setTimeout = (call, delay, ...words) => later(call, Math.min(delay || 0, 100), ...words)
