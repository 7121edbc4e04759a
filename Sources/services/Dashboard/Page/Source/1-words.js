"use strict";
// Text and numbers for people. Everything a process says of itself goes into the page as text, never as markup.

const unknown = "unknown";

function element(tag, attributes, ...children) {
  const made = tag.startsWith("svg:") ? document.createElementNS("http://www.w3.org/2000/svg", tag.slice(4)) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    made.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child !== null && child !== undefined) made.append(child);
  return made;
}

function byID(id) { return document.getElementById(id); }

function isKnown(value) { return value !== null && value !== undefined; }

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

function count(value) { return isKnown(value) ? whole.format(value) : unknown; }

function amount(value) {
  if (!isKnown(value)) return unknown;
  return Math.abs(value) >= 100 ? whole.format(value) : fine.format(value);
}

function share(value) { return isKnown(value) ? fine.format(100 * value) + " %" : unknown; }

function bytes(value) {
  if (!isKnown(value)) return unknown;
  if (value < 1024) return whole.format(value) + " B";
  return value < 1048576 ? fine.format(value / 1024) + " KiB" : fine.format(value / 1048576) + " MiB";
}

// Times come in milliseconds or microseconds, as their names say.
function milliseconds(value) {
  if (!isKnown(value)) return unknown;
  if (value >= 10000) return fine.format(value / 1000) + " s";
  return (value >= 100 ? whole : fine).format(value) + " ms";
}

function microseconds(value) {
  if (!isKnown(value)) return unknown;
  if (value > 0 && value < 100) return whole.format(value) + " µs";
  return milliseconds(value / 1000);
}

function moment(unixMilliseconds) {
  if (!isKnown(unixMilliseconds) || unixMilliseconds === 0) return unknown;
  return new Date(unixMilliseconds).toISOString().slice(11, 23) + " UTC";
}

// A message for people who look and people who listen, changed only when it says something else.
function say(node, text) { if (node.textContent !== text) node.textContent = text; }
