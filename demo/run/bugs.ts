import type { Dice } from "./dice.ts";

/** Names that a bug is dressed in. */
export interface Names {
  /** The function under test. */
  fn: string;
  items: string;
  item: string;
  result: string;
  index: string;
  field: string;
}

interface Bug {
  /** What is wrong, for people who watch. Nothing of it is in the project. */
  name: string;
  /** What such a function could be called: a word is put behind it. */
  verbs: readonly string[];
  source: (names: Names) => string;
  /** Calls and what they must give: at least one of them is not met. */
  cases: (names: Names, dice: Dice) => string[];
  async?: boolean;
}

const numbers = (dice: Dice, count: number, least = 2, most = 90) =>
  Array.from({ length: count }, () => dice.between(least, most));
const sum = (list: readonly number[]) => list.reduce((total, one) => total + one, 0);

/** Ways in which a small function can be wrong. */
export const bugs: readonly Bug[] = [
  {
    name: "a loop that runs past the end",
    verbs: ["total", "sum", "addUp"],
    source: ({ fn, items, result, index }) =>
      `export function ${fn}(${items}) {
  let ${result} = 0;
  for (let ${index} = 0; ${index} <= ${items}.length; ${index} += 1) {
    ${result} += ${items}[${index}];
  }
  return ${result};
}
`,
    cases: ({ fn }, dice) => {
      const given = numbers(dice, 3);
      return [`assert.equal(${fn}([${given.join(", ")}]), ${sum(given)});`, `assert.equal(${fn}([]), 0);`];
    },
  },
  {
    name: "a loop that leaves out the first item",
    verbs: ["double", "twice"],
    source: ({ fn, items, result, index }) =>
      `export function ${fn}(${items}) {
  const ${result} = [];
  for (let ${index} = 1; ${index} < ${items}.length; ${index}++) {
    ${result}.push(${items}[${index}] * 2);
  }
  return ${result};
}
`,
    cases: ({ fn }, dice) => {
      const given = numbers(dice, 3);
      return [`assert.deepEqual(${fn}([${given.join(", ")}]), [${given.map((one) => one * 2).join(", ")}]);`];
    },
  },
  {
    name: "a discount that is added",
    verbs: ["discount", "reduce"],
    source: ({ fn, item, field }) =>
      `export const ${fn} = (${item}, ${field}) => {
  return ${item} * (1 + ${field} / 100);
};
`,
    cases: ({ fn }, dice) => {
      const price = dice.between(2, 40) * 100;
      const percent = dice.pick([25, 50, 75]);
      return [
        `assert.equal(${fn}(${price}, ${percent}), ${price - (price / 100) * percent});`,
        `assert.equal(${fn}(${price}, 0), ${price});`,
      ];
    },
  },
  {
    name: "a comparison that is wrong at its boundary",
    verbs: ["grade", "rate", "classify"],
    source: ({ fn, item }) =>
      `export function ${fn}(${item}) {
  if (${item} > 50) {
    return "large";
  }
  return "small";
}
`,
    cases: ({ fn }, dice) => [
      `assert.equal(${fn}(50), "large");`,
      `assert.equal(${fn}(49), "small");`,
      `assert.equal(${fn}(${dice.between(60, 90)}), "large");`,
    ],
  },
  {
    name: "a comparison the wrong way round",
    verbs: ["largest", "longest", "highest"],
    source: ({ fn, items, item, result }) =>
      `export function ${fn}(${items}) {
  let ${result} = ${items}[0];
  for (const ${item} of ${items}) {
    if (${item} < ${result}) ${result} = ${item};
  }
  return ${result};
}
`,
    cases: ({ fn }, dice) => {
      const [low, middle] = [dice.between(2, 20), dice.between(21, 40)];
      const high = dice.between(41, 90);
      return [`assert.equal(${fn}([${middle}, ${high}, ${low}]), ${high});`];
    },
  },
  {
    name: "a missing return",
    verbs: ["over", "above", "beyond"],
    source: ({ fn, items, item, field }) =>
      `export function ${fn}(${items}, ${field}) {
  ${items}.filter((${item}) => ${item} > ${field});
}
`,
    cases: ({ fn }, dice) => {
      const [low, high, higher] = [dice.between(1, 20), dice.between(30, 50), dice.between(51, 90)];
      return [`assert.deepEqual(${fn}([${low}, ${high}, ${higher}], 25), [${high}, ${higher}]);`];
    },
  },
  {
    name: "a result that is gathered and never returned",
    verbs: ["count", "tally"],
    source: ({ fn, items, item, result }) =>
      `export function ${fn}(${items}) {
  const ${result} = {};
  for (const ${item} of ${items}) {
    ${result}[${item}] = (${result}[${item}] ?? 0) + 1;
  }
}
`,
    cases: ({ fn }, dice) => {
      const [often, once] = dice.draw(["red", "blue", "green", "oak", "brass"], 2);
      return [`assert.deepEqual(${fn}(["${often}", "${once}", "${often}"]), { ${often}: 2, ${once}: 1 });`];
    },
  },
  {
    name: "a wrong starting value",
    verbs: ["multiply", "product", "volume"],
    source: ({ fn, items, item, result }) =>
      `export function ${fn}(${items}) {
  let ${result} = 0;
  for (const ${item} of ${items}) {
    ${result} *= ${item};
  }
  return ${result};
}
`,
    cases: ({ fn }, dice) => {
      const given = numbers(dice, 3, 2, 9);
      return [`assert.equal(${fn}([${given.join(", ")}]), ${given.reduce((product, one) => product * one, 1)});`];
    },
  },
  {
    name: "a missing await",
    verbs: ["greet", "welcome", "announce"],
    async: true,
    source: ({ fn, item, result }) =>
      `async function load(${item}) {
  return { name: ${item} };
}

export async function ${fn}(${item}) {
  const ${result} = load(${item});
  return \`Hello \${${result}.name}\`;
}
`,
    cases: ({ fn }, dice) => {
      const name = dice.pick(["Ada", "Noor", "Tomas", "Lucia", "Wen"]);
      return [`assert.equal(await ${fn}("${name}"), "Hello ${name}");`];
    },
  },
  {
    name: "a sort that changes what it was given",
    verbs: ["ordered", "ranked", "sorted"],
    source: ({ fn, items }) =>
      `export function ${fn}(${items}) {
  return ${items}.sort((left, right) => left - right);
}
`,
    cases: ({ fn }, dice) => {
      const [low, middle, high] = [dice.between(1, 9), dice.between(10, 40), dice.between(41, 90)];
      return [
        `const given = [${high}, ${low}, ${middle}];`,
        `assert.deepEqual(${fn}(given), [${low}, ${middle}, ${high}]);`,
        `assert.deepEqual(given, [${high}, ${low}, ${middle}]);`,
      ];
    },
  },
  {
    name: "numbers sorted as if they were text",
    verbs: ["ordered", "ranked", "sorted"],
    source: ({ fn, items, result }) =>
      `export function ${fn}(${items}) {
  const ${result} = [...${items}].sort();
  return ${result};
}
`,
    cases: ({ fn }, dice) => {
      const [high, low] = [dice.between(10, 19), dice.between(2, 9)];
      return [`assert.deepEqual(${fn}([${high}, ${low}, 1]), [1, ${low}, ${high}]);`];
    },
  },
];
