import fc from "fast-check";
import { expect, test } from "vitest";
import { pathSegment } from "../../contracts/path-segment.ts";

test("what is a segment comes out of a URL as it went in, and nothing around it moves", () => {
  const texts = fc.oneof(
    fc.string({ unit: "binary" }),
    fc
      .array(fc.constantFrom(".", "..", "/", "%2e", "%2F", "\\", "?", "#", " ", "\t", "é", "\ud800"))
      .map((all) => all.join("")),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const segment = pathSegment(text);
      if (segment === undefined) return;
      const parts = new URL(`http://localhost/users/${segment}/roles`).pathname.split("/");
      expect(parts).toHaveLength(4);
      expect([parts[1], decodeURIComponent(parts[2] ?? ""), parts[3]]).toEqual(["users", text, "roles"]);
    }),
    { numRuns: 2_000 },
  );
});

test.each(["", ".", "..", "\ud800", "a\udc00"])("%j is none", (text) => {
  expect(pathSegment(text)).toBeUndefined();
});

test.each(["...", ".a", "%2e", "emma@acme.example", "a/b"])("%j is one", (text) => {
  expect(pathSegment(text)).toBe(encodeURIComponent(text));
});
