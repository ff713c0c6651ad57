// What an event is copied as: JSON, a query of its row, an assertion for pytest.

const LINE_LENGTH = 100;
/** Names that a parameter cannot have: Python's keywords, and the assertion's own parameters. */
const TAKEN = new Set(
  `header context times False None True and as assert async await break class continue def del elif else except finally
  for from global if import in is lambda nonlocal not or pass raise return try while with yield self
  super`.split(/\s+/),
);

/** Characters that are not seen, break lines in some editors, or turn the direction of others. */
const UNSEEN = /[\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

export const asJson = (event) => JSON.stringify(event, null, 2);

/** The query that finds the event's row in the tables; what was refused has a row of its own. */
export function asSql(event) {
  if (event.table && event.valid) {
    const sequence =
      event.batch_event_seq_num === null
        ? ""
        : `\n  AND batch_event_seq_num = ${event.batch_event_seq_num}`;
    return `SELECT *\nFROM event.${event.table}\nWHERE batch_id = ${sqlText(event.batch_id)}${sequence};`;
  }
  return `SELECT *\nFROM collector.rejected\nWHERE id = ${event.id};`;
}

const sqlText = (text) => `'${String(text ?? "").replaceAll("'", "''")}'`;

/** The assertion that this event was tracked, as it would be written in a test. */
export function asPytest(event, schema) {
  const properties = schema.events.find((each) => each.name === event.type)?.properties ?? [];
  const parts = [
    `Event${event.type}`,
    ...Object.entries(event.payload).map(
      ([name, value]) => `${parameter(name)}=${python(value, named(properties, name), schema)}`,
    ),
  ];
  for (const part of ["header", "context"])
    if (Object.keys(event[part]).length)
      parts.push(`${part}=${groups(event[part], schema[part], schema)}`);
  const start = "paltabrain_events.assert_tracked(";
  const line = `${start}${parts.join(", ")})`;
  if (line.length <= LINE_LENGTH) return line;
  return `${start}\n${parts.map((part) => `    ${part},\n`).join("")})`;
}

const named = (properties, name) => properties.find((each) => each.name === name);

const parameter = (name) => (TAKEN.has(name) ? `${name}_` : name);

function groups(values, known, schema) {
  const texts = Object.entries(values).map(([group, properties]) => {
    const declared = known.find((each) => each.name === group)?.properties ?? [];
    const pairs = Object.entries(properties).map(
      ([name, value]) => `${text(name)}: ${python(value, named(declared, name), schema)}`,
    );
    return `${text(group)}: {${pairs.join(", ")}}`;
  });
  return `{${texts.join(", ")}}`;
}

/** A value as Python writes it, in the type that the schema gives it. */
function python(value, property, schema) {
  if (Array.isArray(value))
    return `[${value.map((each) => python(each, property, schema)).join(", ")}]`;
  if (value !== null && typeof value === "object") {
    const pairs = Object.entries(value).map(
      ([key, each]) => `${text(key)}: ${python(each, property, schema)}`,
    );
    return `{${pairs.join(", ")}}`;
  }
  switch (property?.kind) {
    case "decimal":
      return `Decimal(${text(value)})`;
    case "integer":
      return String(value);
    case "enum":
      return isName(value, property, schema) ? `Enum${property.enum}.${value}` : text(value);
    case "timestamp":
      return moment(value) ?? text(value);
    default:
      return text(value);
  }
}

const isName = (value, property, schema) => {
  const names = schema.enums[property.enum] ?? [];
  return value === "UNKNOWN" || names.includes(value);
};

/** A text, a number or a boolean. What JSON escapes in a text, Python understands. */
function text(value) {
  if (typeof value === "boolean") return value ? "True" : "False";
  if (value === null) return "None";
  return JSON.stringify(value).replace(UNSEEN, (unit) => `\\u${hex(unit.charCodeAt(0))}`);
}

const hex = (number) => number.toString(16).padStart(4, "0");

function moment(iso) {
  const found = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})Z$/.exec(iso);
  if (!found) return null;
  const [year, month, day, hour, minute, second, milliseconds] = found.slice(1).map(Number);
  const numbers = [year, month, day, hour, minute];
  if (second || milliseconds) numbers.push(second);
  if (milliseconds) numbers.push(milliseconds * 1000);
  return `datetime(${numbers.join(", ")}, tzinfo=UTC)`;
}

/** Put a text on the clipboard, also where the page's address is none that browsers call secure. */
export async function copyText(content) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(content);
    return;
  }
  const focused = document.activeElement;
  const area = document.createElement("textarea");
  area.value = content;
  area.className = "hidden";
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  focused.focus();
  if (!isCopied) throw new Error("the browser does not let this page copy");
}
