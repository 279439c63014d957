import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encoded, faultOfPath, whatFits, workspacePath } from "../../../console/pages/runs/upload.ts";

describe("files of a new run", () => {
  test("a chosen folder's own name is left out, a single file keeps its name", () => {
    expect(workspacePath({ name: "a.ts", webkitRelativePath: "project/src/a.ts" })).toBe("src/a.ts");
    expect(workspacePath({ name: "a.ts", webkitRelativePath: "" })).toBe("a.ts");
  });

  test.each(["", "/etc/passwd", "../a", "a/../b", "a//b", "a/./b", "a\\b", "a/b/", ".git/config", "x/NODE_MODULES/y"])(
    "%j is not sent",
    (path) => {
      expect(faultOfPath(path)).toBeDefined();
    },
  );

  test("what is text is sent as text, everything else as base64, and comes back as it was", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const { content, encoding } = encoded("f", bytes);
        expect([...Buffer.from(content, encoding)]).toEqual([...bytes]);
      }),
    );
    expect(encoded("f", new TextEncoder().encode("naïve")).encoding).toBe("utf8");
    expect(encoded("f", new Uint8Array([0xff, 0])).encoding).toBe("base64");
  });

  test("a file that is too large keeps the small ones in, and is named", () => {
    const file = (path: string, length: number) => ({ path, content: "x".repeat(length), encoding: "utf8" as const });
    const { files, leftOut } = whatFits([file("large", 990_000), file("b", 60_000), file("a", 10)], 100);
    expect(files.map(({ path }) => path)).toEqual(["a", "b"]);
    expect(leftOut.map(({ path }) => path)).toEqual(["large"]);
  });

  test("there are no more than 2,000", () => {
    const many = Array.from({ length: 2_001 }, (_, index) => ({
      path: `f${index}`,
      content: "",
      encoding: "utf8" as const,
    }));
    const { files, leftOut } = whatFits(many, 0);
    expect([files.length, leftOut.length]).toEqual([2_000, 1]);
  });
});
