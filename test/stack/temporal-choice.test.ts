import { expect, test } from "vitest";
import {
  atLeast,
  buildableVersions,
  chooseTemporal,
  noTemporalSentence,
  parseGoVersion,
  parseTemporalVersion,
  type TemporalChoice,
  type TemporalFindings,
} from "../../stack/temporal-choice.ts";

const at = (server: string) => ({ path: "/usr/bin/temporal", version: { cli: "1.0.0", server } });

const choices: [string, TemporalFindings, TemporalChoice][] = [
  [
    "TEMPORAL_CLI_PATH comes before everything",
    { cliPath: { path: "/opt/t", executable: true }, onPath: at("1.31.2"), cached: ["/cache/t"] },
    { kind: "use", path: "/opt/t", source: "TEMPORAL_CLI_PATH" },
  ],
  [
    "a TEMPORAL_CLI_PATH that cannot be run is refused, not replaced",
    { cliPath: { path: "/opt/t", executable: false }, onPath: at("1.31.2"), cached: ["/cache/t"] },
    { kind: "refuse", sentence: "TEMPORAL_CLI_PATH names /opt/t, which is not an executable file" },
  ],
  [
    "PATH comes before the cache",
    { onPath: at("1.29.0"), cached: ["/cache/t"] },
    { kind: "use", path: "/usr/bin/temporal", source: "PATH" },
  ],
  [
    "an old server on PATH is passed over",
    { onPath: at("1.28.9"), cached: ["/cache/t"] },
    { kind: "use", path: "/cache/t", source: "cache" },
  ],
  [
    "an old server on PATH is named when one has to be obtained",
    { onPath: at("1.9.0"), cached: [] },
    { kind: "obtain", passedOver: "/usr/bin/temporal has server 1.9.0, needed is 1.29.0 or newer" },
  ],
  [
    "a program on PATH that is something else is passed over",
    { onPath: { path: "/usr/bin/temporal", version: undefined }, cached: [] },
    { kind: "obtain", passedOver: "/usr/bin/temporal does not say its version" },
  ],
  [
    "the preferred version in the cache comes first",
    { cached: ["/cache/1.8.2", "/cache/1.5.1"] },
    { kind: "use", path: "/cache/1.8.2", source: "cache" },
  ],
  ["with nothing there, one is obtained", { cached: [] }, { kind: "obtain" }],
];

test.each(choices)("%s", (_title, found, choice) => {
  expect(chooseTemporal(found)).toEqual(choice);
});

test.each([
  ["temporal version 1.8.2 (Server 1.31.2, UI 2.50.1)", { cli: "1.8.2", server: "1.31.2" }],
  ["temporal version 0.0.0-DEV (Server 1.29.1, UI 2.42.1)\n", { cli: "0.0.0-DEV", server: "1.29.1" }],
  ["temporal 3.2", undefined],
  ["", undefined],
])("%j is read as a Temporal version", (text, version) => {
  expect(parseTemporalVersion(text)).toEqual(version);
});

test.each([
  ["go version go1.26.8 linux/amd64", "1.26.8"],
  ["go version go1.27 darwin/arm64", "1.27.0"],
  ["go version devel go1.27-abcdef linux/amd64", undefined],
  ["", undefined],
])("%j is read as a Go version", (text, version) => {
  expect(parseGoVersion(text)).toBe(version);
});

test.each([
  ["1.29.0", "1.29.0", true],
  ["1.31.2", "1.29.0", true],
  ["1.9.9", "1.29.0", false],
  ["2.0.0", "1.29.0", true],
  ["1.28.10", "1.29.0", false],
])("%s is at least %s: %s", (version, least, holds) => {
  expect(atLeast(version, least)).toBe(holds);
});

test.each([
  [undefined, []],
  ["1.24.9", []],
  ["1.25.0", ["1.5.1"]],
  ["1.26.3", ["1.5.1"]],
  ["1.26.4", ["1.8.2", "1.5.1"]],
  ["1.27.0", ["1.8.2", "1.5.1"]],
])("Go %s builds %j", (go, versions) => {
  expect(buildableVersions(go)).toEqual(versions);
});

test("the last sentence names the ways out", () => {
  const sentence = noTemporalSentence(["the download failed (ENOTFOUND)"]);
  for (const part of ["TEMPORAL_ADDRESS", "TEMPORAL_CLI_PATH", "install the CLI", "ENOTFOUND"])
    expect(sentence).toContain(part);
  expect(sentence).not.toContain("\n");
});
