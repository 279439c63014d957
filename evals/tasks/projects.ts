/** Small JavaScript projects that tasks begin with. */
export type Files = { path: string; content: string }[];

const manifest = {
  path: "package.json",
  content: '{ "name": "sample", "type": "module", "scripts": { "test": "node --test" } }\n',
};

const testOf = (name: string, module: string, body: string): string =>
  `import assert from "node:assert/strict";\nimport { test } from "node:test";\nimport { ${name} } from "../src/${module}.js";\n\n${body}`;

/** One loop runs one round too many, and one test fails for it. */
export const totals: Files = [
  manifest,
  {
    path: "src/total.js",
    content:
      "export function total(prices) {\n  let sum = 0;\n  for (let i = 0; i <= prices.length; i++) {\n    sum += prices[i];\n  }\n  return sum;\n}\n",
  },
  {
    path: "test/total.test.js",
    content: testOf("total", "total", 'test("adds all prices", () => {\n  assert.equal(total([1, 2, 3]), 6);\n});\n'),
  },
];

export const fixedTotal =
  "export function total(prices) {\n  let sum = 0;\n  for (let i = 0; i < prices.length; i++) {\n    sum += prices[i];\n  }\n  return sum;\n}\n";

/** Two functions in two files, each wrong by itself. */
export const pair: Files = [
  manifest,
  { path: "src/area.js", content: "export const area = (width, height) => width + height;\n" },
  { path: "src/label.js", content: "export const label = (name) => name.toLowerCase();\n" },
  {
    path: "test/area.test.js",
    content: testOf("area", "area", 'test("area", () => {\n  assert.equal(area(2, 5), 10);\n});\n'),
  },
  {
    path: "test/label.test.js",
    content: testOf("label", "label", 'test("label", () => {\n  assert.equal(label("Oak"), "OAK");\n});\n'),
  },
];

export const fixedArea = "export const area = (width, height) => width * height;\n";
export const fixedLabel = "export const label = (name) => name.toUpperCase();\n";

/** A function with two callers. */
export const callers: Files = [
  manifest,
  { path: "src/price.js", content: "export const calc = (net) => net * 1.19;\n" },
  {
    path: "src/cart.js",
    content: 'import { calc } from "./price.js";\n\nexport const cart = (nets) => nets.map(calc);\n',
  },
  {
    path: "src/offer.js",
    content: `import { calc } from "./price.js";\n\nexport const offer = (net) => \`from \${calc(net)}\`;\n`,
  },
  {
    path: "test/cart.test.js",
    content: testOf("cart", "cart", 'test("cart", () => {\n  assert.deepEqual(cart([100]), [119]);\n});\n'),
  },
];

export const renamed: Record<string, string> = Object.fromEntries(
  callers
    .filter(({ path }) => path.startsWith("src/"))
    .map(({ path, content }) => [path, content.replaceAll(/\bcalc\b/g, "grossPrice")]),
);

/** One query for every order: forty orders are forty-one queries. Line 5. */
export const nPlusOne: Files = [
  {
    path: "src/orders.js",
    content:
      'export async function ordersWithCustomers(db) {\n  const orders = await db.query("select id, customer_id from orders");\n  const rows = [];\n  for (const order of orders) {\n    const [customer] = await db.query("select name from customers where id = $1", [order.customer_id]);\n    rows.push({ ...order, customer: customer.name });\n  }\n  return rows;\n}\n',
  },
];

/** A name goes into the statement as text. Line 2. */
export const sqlInjection: Files = [
  {
    path: "src/users.js",
    content: `export async function findUser(db, name) {\n  const rows = await db.query(\`select id, email from users where name = '\${name}'\`);\n  return rows[0];\n}\n`,
  },
];

/** A branch name goes into a shell, on line 4; a key stands in the source, on line 7. */
export const shellAndSecret: Files = [
  {
    path: "src/deploy.js",
    content: `import { execSync } from "node:child_process";\n\nexport function checkout(branch) {\n  return execSync(\`git checkout \${branch}\`).toString();\n}\n\nconst apiKey = "sk-live-4f9a2b7c1d8e";\nexport const headers = { authorization: \`Bearer \${apiKey}\` };\n`,
  },
];

/** Nothing is wrong with these two. */
export const clean: Files = [
  {
    path: "src/customers.js",
    content:
      'export async function customersOf(db, orders) {\n  const ids = [...new Set(orders.map(({ customer_id: id }) => id))];\n  return db.query("select id, name from customers where id = any ($1)", [ids]);\n}\n',
  },
  {
    path: "src/slug.js",
    content:
      'export function slug(title) {\n  return title\n    .toLowerCase()\n    .replaceAll(/[^a-z0-9]+/g, "-")\n    .replaceAll(/^-|-$/g, "");\n}\n',
  },
];

/** A rejected promise is lost: `save` is not awaited. Line 4. */
export const lostError: Files = [
  {
    path: "src/import.js",
    content:
      "export async function importRows(store, rows) {\n  let saved = 0;\n  for (const row of rows) {\n    store.save(row).catch(() => undefined);\n    saved += 1;\n  }\n  return { saved };\n}\n",
  },
];
