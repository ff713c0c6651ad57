// The filters: which events the list shows. They are the query of the page's address, and have the
// names that the API gives them.

const SINGLE = ["valid", "instance", "q"];
const SEVERAL = ["type", "property", "context", "header"];

/** What the filters are called on their chips. */
const LABELS = {
  type: "type",
  valid: "validity",
  instance: "instance",
  property: "property",
  context: "context",
  header: "header",
};

export class Filters {
  constructor(search = "") {
    const given = new URLSearchParams(search);
    this.values = new URLSearchParams();
    for (const name of SINGLE) if (given.get(name)) this.values.set(name, given.get(name));
    for (const name of SEVERAL)
      for (const value of new Set(given.getAll(name))) this.values.append(name, value);
  }

  get isEmpty() {
    return this.values.size === 0;
  }

  /** The query of the API, and of the page's address. */
  toString() {
    return this.values.toString();
  }

  get(name) {
    return this.values.get(name) ?? "";
  }

  has(name, value) {
    return this.values.has(name, value);
  }

  /** A copy in which a filter of one value has this one; "" removes it. */
  with(name, value) {
    const copy = new Filters(this.toString());
    if (value) copy.values.set(name, value);
    else copy.values.delete(name);
    return copy;
  }

  /** A copy with a value more of a filter that takes several, or with one less. */
  toggled(name, value) {
    const copy = new Filters(this.toString());
    if (copy.values.has(name, value)) copy.values.delete(name, value);
    else copy.values.append(name, value);
    return copy;
  }

  /** What to show as chips: all but the text, which stays in the search. */
  chips() {
    return [...this.values]
      .filter(([name]) => name !== "q")
      .map(([name, value]) => ({
        name,
        value,
        label: LABELS[name],
        text: name === "valid" ? (value === "true" ? "valid" : "refused") : value,
        without: SINGLE.includes(name) ? this.with(name, "") : this.toggled(name, value),
      }));
  }

  /** A copy in which words of a search such as `page_id:abc` are filters; the rest is its text. */
  searched(text, schema) {
    let copy = this.with("q", "");
    const rest = [];
    for (const word of text.trim().split(/\s+/).filter(Boolean)) {
      const name = filterOf(word, schema);
      const value = name === "type" ? word.slice(word.indexOf(":") + 1) : word;
      if (!name) rest.push(word);
      else if (!copy.has(name, value)) copy = copy.toggled(name, value);
    }
    return copy.with("q", rest.join(" "));
  }
}

function filterOf(word, schema) {
  const key = word.slice(0, Math.max(0, word.indexOf(":")));
  if (!key || word.endsWith(":")) return null;
  if (key === "type") return "type";
  const [group, property] = key.split(".", 2);
  const has = (groups) =>
    groups.some(
      (each) => each.name === group && each.properties.some((one) => one.name === property),
    );
  if (property !== undefined) {
    if (has(schema.context)) return "context";
    return has(schema.header) ? "header" : null;
  }
  const known = schema.events.some((event) => event.properties.some((one) => one.name === key));
  return known ? "property" : null;
}
