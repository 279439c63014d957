import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ChainEntry, ChainVerifier, genesisHash, hashEntry } from "../../core/audit/chain.ts";
import { canonicalJson } from "../../core/canonical.ts";

function chainOf(bodies: unknown[], organisation = "org"): ChainEntry[] {
  let previous = genesisHash;
  return bodies.map((body, index) => {
    const unhashed = {
      organisation,
      position: index + 1,
      at: "2026-01-01T00:00:00.000000Z",
      body: canonicalJson(body),
      previous,
    };
    const entry = { ...unhashed, hash: hashEntry(unhashed) };
    previous = entry.hash;
    return entry;
  });
}

function verify(entries: readonly ChainEntry[], head?: { position: number; hash: string }) {
  const verifier = new ChainVerifier();
  for (const entry of entries) verifier.add(entry);
  return verifier.finish(head);
}

const headOf = (entries: readonly ChainEntry[]) => ({
  position: entries.length,
  hash: entries.at(-1)?.hash ?? genesisHash,
});

const bodies = fc.array(
  fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null))),
  {
    minLength: 2,
    maxLength: 12,
  },
);

describe("the chain", () => {
  test("that nobody touched is intact, its head is the last hash, and an empty one is too", () => {
    fc.assert(
      fc.property(bodies, (list) => {
        const chain = chainOf(list);
        expect(verify(chain, headOf(chain))).toEqual({ intact: true, entries: chain.length, head: headOf(chain).hash });
      }),
    );
    expect(verify([], { position: 0, hash: genesisHash })).toEqual({ intact: true, entries: 0, head: genesisHash });
  });

  test("breaks exactly where any one field of any entry was changed", () => {
    const field = fc.constantFrom("organisation", "position", "at", "body", "previous", "hash");
    fc.assert(
      fc.property(bodies, fc.nat(), field, (list, pick, name) => {
        const chain = chainOf(list);
        const index = pick % chain.length;
        const entry = chain[index] as ChainEntry;
        const changed: ChainEntry = {
          ...entry,
          [name]:
            name === "position"
              ? entry.position + 1
              : name === "body"
                ? canonicalJson({ forged: pick })
                : `${entry[name as "at"]}x`,
        };
        const verdict = verify(chain.with(index, changed), headOf(chain));
        // A first entry of another organisation only shows at the second: the chain says whose it is.
        const seen = name === "organisation" && index === 0 ? [1, 2] : [index + 1];
        expect(seen).toContain(verdict.intact ? "intact" : verdict.position);
      }),
    );
  });

  test("breaks where an entry is missing, doubled or swapped", () => {
    fc.assert(
      fc.property(bodies, fc.nat(), (list, pick) => {
        const chain = chainOf(list.map((body, index) => ({ ...body, index })));
        const index = pick % (chain.length - 1);
        const [one, two] = chain.slice(index, index + 2) as [ChainEntry, ChainEntry];
        const tampered = [
          chain.toSpliced(index, 1),
          chain.toSpliced(index + 1, 0, one),
          chain.with(index, two).with(index + 1, one),
          chain.with(index, { ...two, position: one.position }).with(index + 1, { ...one, position: two.position }),
        ];
        for (const entries of tampered)
          expect(verify(entries, headOf(chain))).toMatchObject({ intact: false, position: index + 1 });
      }),
    );
  });

  test("cut off behind any entry does not match its head", () => {
    fc.assert(
      fc.property(bodies, fc.nat(), (list, pick) => {
        const chain = chainOf(list);
        const kept = pick % chain.length;
        const verdict = verify(chain.slice(0, kept), headOf(chain));
        expect(verdict).toMatchObject({ intact: false, position: kept + 1, entries: kept });
      }),
    );
  });

  test("rewritten and hashed anew from some entry on is caught by the head kept elsewhere, and by nothing else", () => {
    fc.assert(
      fc.property(bodies, (list) => {
        const chain = chainOf(list);
        const rewritten = chainOf(list.with(-1, { forged: "yes" }));
        expect(verify(rewritten)).toMatchObject({ intact: true });
        fc.pre(canonicalJson(list.at(-1)) !== canonicalJson({ forged: "yes" }));
        expect(verify(rewritten, headOf(chain))).toMatchObject({ intact: false, position: chain.length });
      }),
    );
  });

  test("refuses a body that is not canonical, though its hash fits", () => {
    for (const body of ['{"b":1,"a":2}', '{ "a":1}', "not json", '{"a":1.0}']) {
      const unhashed = { organisation: "org", position: 1, at: "t", body, previous: genesisHash };
      expect(verify([{ ...unhashed, hash: hashEntry(unhashed) }])).toMatchObject({
        intact: false,
        position: 1,
        reason: "the body is not canonical JSON",
      });
    }
  });
});
