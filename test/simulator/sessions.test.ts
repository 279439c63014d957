import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Anthropic from "@anthropic-ai/sdk";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Simulator } from "../../simulator/server.ts";
import {
  all,
  clientFor,
  converse,
  type Event,
  environment,
  lastText,
  sessionWith,
  settled,
  start,
  texts,
  toolNames,
} from "./harness.ts";
import { type MetaServer, startMetaServer } from "./meta-server.ts";
import { drawWorld } from "./world.ts";

let simulator: Simulator;
let client: Anthropic;
let meta: MetaServer;
beforeAll(async () => {
  ({ simulator, client } = await start());
});
afterAll(() => simulator.close());
beforeEach(async () => {
  meta = await startMetaServer(drawWorld(5));
});
afterEach(() => meta.close());

const message = (text: string) => ({ type: "user.message" as const, content: [{ type: "text" as const, text }] });
const scripted = (steps: unknown[]) => ({ simulator_script: JSON.stringify(steps) });
const callOus = { call: { server: "meta", tool: "list_ous", input: {} } };
const callUsers = { call: { server: "meta", tool: "list_users", input: {} } };
const types = (events: Event[]) => events.map(({ type }) => type);
const stopReasons = (events: Event[]) =>
  events.flatMap((event) => (event.type === "session.status_idle" ? [event.stop_reason.type] : []));
const failures = (events: Event[]) => events.flatMap((event) => (event.type === "session.error" ? [event.error] : []));
const results = (events: Event[]) => events.flatMap((event) => (event.type === "agent.mcp_tool_result" ? [event] : []));

describe("a session", () => {
  test("is created idle, pins its agent, and is listed by status and agent", async () => {
    const { agent, session } = await sessionWith(client, { url: meta.url });
    expect(session).toMatchObject({
      status: "idle",
      agent: { id: agent.id, version: 1 },
      budget: null,
      archived_at: null,
    });
    await client.beta.agents.update(agent.id, { system: "changed" });
    expect((await client.beta.sessions.retrieve(session.id)).agent.version).toBe(1);
    const listed = await client.beta.sessions.list({ agent_id: agent.id, statuses: ["idle"] });
    expect(listed.data.map(({ id }) => id)).toEqual([session.id]);
    expect((await client.beta.sessions.list({ agent_id: agent.id, statuses: ["running"] })).data).toEqual([]);
    const renamed = await client.beta.sessions.update(session.id, { title: "t", metadata: { k: "v" } });
    expect(renamed).toMatchObject({ title: "t", metadata: { k: "v" } });
    await expect(client.beta.sessions.update(session.id, { vault_ids: [] })).rejects.toThrow(Anthropic.BadRequestError);
  });

  test("pages lead forth and back", async () => {
    const { agent } = await sessionWith(client, { url: meta.url });
    const environment_id = await environment(client);
    for (let index = 0; index < 4; index += 1) await client.beta.sessions.create({ agent: agent.id, environment_id });
    const first = await client.beta.sessions.list({ agent_id: agent.id, limit: 2 });
    const second = await client.beta.sessions.list({ agent_id: agent.id, limit: 2, page: first.next_page });
    const back = await client.beta.sessions.list({ agent_id: agent.id, limit: 2, page: second.prev_page });
    expect(back.data.map(({ id }) => id)).toEqual(first.data.map(({ id }) => id));
    expect(await all(client.beta.sessions.list({ agent_id: agent.id, limit: 2 }))).toHaveLength(5);
  });

  test("starts at once with initial events, all of which must be valid", async () => {
    const { agent } = await sessionWith(client, { url: meta.url, metadata: scripted([{ say: "hello" }]) });
    const environment_id = await environment(client);
    const started = await client.beta.sessions.create({
      agent: agent.id,
      environment_id,
      initial_events: [message("hi")],
    });
    expect(started.status).toBe("running");
    expect(lastText(await settled(client, started.id))).toBe("hello");
    const bad = [message("hi"), { type: "user.interrupt" }] as never;
    await expect(client.beta.sessions.create({ agent: agent.id, environment_id, initial_events: bad })).rejects.toThrow(
      Anthropic.BadRequestError,
    );
  });

  test("overrides replace parts of the agent for one session", async () => {
    const { agent } = await sessionWith(client, { url: meta.url });
    const environment_id = await environment(client);
    const session = await client.beta.sessions.create({
      agent: { type: "agent_with_overrides", id: agent.id, system: "other", tools: [], mcp_servers: [] },
      environment_id,
    });
    expect(session.agent).toMatchObject({ id: agent.id, system: "other", tools: [], mcp_servers: [] });
    const broken = { type: "agent_with_overrides" as const, id: agent.id, mcp_servers: [] };
    await expect(client.beta.sessions.create({ agent: broken, environment_id })).rejects.toThrow(
      Anthropic.BadRequestError,
    );
  });

  test("takes no events once archived, and its history goes when it is deleted", async () => {
    const { session } = await sessionWith(client, { url: meta.url });
    const archived = await client.beta.sessions.archive(session.id);
    expect(archived.status).toBe("terminated");
    const late = client.beta.sessions.events.send(session.id, { events: [message("hi")] });
    await expect(late).rejects.toThrow(Anthropic.ConflictError);
    expect(await client.beta.sessions.delete(session.id)).toEqual({ id: session.id, type: "session_deleted" });
    await expect(client.beta.sessions.retrieve(session.id)).rejects.toThrow(Anthropic.NotFoundError);
  });
});

describe("a turn", () => {
  test("goes in the documented order", async () => {
    const { session } = await sessionWith(client, {
      url: meta.url,
      bearer: "bearer-one",
      metadata: scripted([{ say: "Looking." }, callOus, { say: "Done." }]),
    });
    expect(types(await converse(client, session.id, "go"))).toEqual([
      "session.status_running",
      "session.thread_status_running",
      "user.message",
      "agent.thinking",
      "span.model_request_start",
      "agent.message",
      "agent.mcp_tool_use",
      "span.model_request_end",
      "agent.mcp_tool_result",
      "span.model_request_start",
      "agent.message",
      "span.model_request_end",
      "session.thread_status_idle",
      "session.usage",
      "session.status_idle",
    ]);
    const { usage } = await client.beta.sessions.retrieve(session.id);
    expect(usage.input_tokens).toBeGreaterThan(0);
  });

  test("is streamed live, with previews only for those who asked, and merges with the list", async () => {
    const { session } = await sessionWith(client, {
      url: meta.url,
      bearer: "bearer-one",
      metadata: scripted([{ say: "one two three" }]),
    });
    const seen: { type: string; id?: string; processed_at?: string | null }[] = [];
    const stream = await client.beta.sessions.events.stream(session.id, { event_deltas: ["agent.message"] });
    const bare = await client.beta.sessions.events.stream(session.id);
    await client.beta.sessions.events.send(session.id, { events: [message("go")] });
    for await (const event of stream) {
      seen.push(event as (typeof seen)[number]);
      if (event.type === "session.status_idle") break;
    }
    const plainTypes: string[] = [];
    for await (const event of bare) {
      plainTypes.push(event.type);
      if (event.type === "session.status_idle") break;
    }
    expect(seen.filter(({ type }) => type === "event_delta")).toHaveLength(3);
    expect(plainTypes).not.toContain("event_start");
    const echoes = seen.filter(({ type }) => type === "user.message");
    expect(echoes.map(({ processed_at }) => processed_at === null)).toEqual([true, false]);
    expect(new Set(echoes.map(({ id }) => id)).size).toBe(1);
    const listed = new Set((await all(client.beta.sessions.events.list(session.id))).map(({ id }) => id));
    const streamed = seen.flatMap(({ id, type }) => (type.startsWith("event_") ? [] : [id]));
    expect(streamed.filter((id) => !listed.has(id ?? ""))).toEqual([]);
    const filtered = await all(
      client.beta.sessions.events.list(session.id, { types: ["agent.message"], order: "desc" }),
    );
    expect(types(filtered)).toEqual(["agent.message"]);
  });

  test("a message that its script holds stops in the middle of its words until it is let go", async () => {
    const metadata = scripted([{ say: "one two three four", held: true }]);
    const { session } = await sessionWith(client, { url: meta.url, bearer: "bearer-one", metadata });
    const stream = await client.beta.sessions.events.stream(session.id, { event_deltas: ["agent.message"] });
    await client.beta.sessions.events.send(session.id, { events: [message("go")] });
    const words: string[] = [];
    let listed: Event[] = [];
    for await (const event of stream) {
      if (event.type === "event_delta") words.push(event.delta.content.text);
      if (event.type === "event_delta" && words.length === 2) {
        listed = await all(client.beta.sessions.events.list(session.id));
        const release = () => fetch(`${simulator.url}/_control/release`, { method: "POST" });
        expect(await (await release()).json()).toEqual({ released: 1 });
        expect(await (await release()).json()).toEqual({ released: 0 });
      }
      if (event.type === "agent.message") break;
    }
    expect(types(listed)).not.toContain("agent.message");
    expect(words).toEqual(["one ", "two ", "three ", "four"]);
  });

  test("a deleted session ends its streams", async () => {
    const { session } = await sessionWith(client, { url: meta.url });
    const stream = await client.beta.sessions.events.stream(session.id);
    await client.beta.sessions.delete(session.id);
    const seen: string[] = [];
    for await (const event of stream) seen.push(event.type);
    expect(seen).toEqual(["session.deleted"]);
  });

  test("a stream can be cut or fail in the middle", async () => {
    const { session } = await sessionWith(client, { url: meta.url, metadata: scripted([{ say: "hi" }]) });
    const arm = (kind: string) =>
      fetch(`${simulator.url}/_control/faults`, {
        method: "POST",
        body: JSON.stringify({ kind, match: { path: "/stream$" } }),
      });
    for (const kind of ["cut_stream", "mid_stream_error"]) {
      await arm(kind);
      const stream = await client.beta.sessions.events.stream(session.id);
      await client.beta.sessions.events.send(session.id, { events: [message("go")] });
      const read = async () => {
        for await (const event of stream) if (event.type === "session.deleted") return;
      };
      await expect(read()).rejects.toThrow(kind === "cut_stream" ? /terminated/ : /Internal server error/);
      await settled(client, session.id);
    }
  });

  test("an interrupt stops it between two tool calls", async () => {
    const { session } = await sessionWith(client, {
      url: meta.url,
      bearer: "bearer-one",
      metadata: scripted([callOus, callUsers, callOus, { say: "never" }]),
    });
    let interrupted: Promise<unknown> = Promise.resolve();
    meta.before = async (tool) => {
      if (tool !== "list_users") return;
      await expect(client.beta.sessions.archive(session.id)).rejects.toThrow(Anthropic.BadRequestError);
      await expect(client.beta.sessions.delete(session.id)).rejects.toThrow(Anthropic.BadRequestError);
      interrupted = client.beta.sessions.events.send(session.id, { events: [{ type: "user.interrupt" }] });
      await interrupted;
    };
    const events = await converse(client, session.id, "go");
    await interrupted;
    expect(toolNames(events)).toEqual(["list_ous", "list_users"]);
    expect(texts(events)).toEqual([]);
    expect(stopReasons(events)).toEqual(["end_turn"]);
    const idle = await client.beta.sessions.events.send(session.id, { events: [{ type: "user.interrupt" }] });
    expect(idle.data).toHaveLength(1);
  });
});

describe("tools", () => {
  const run = [callOus, { say: "Done." }];

  test("are called over MCP with the vault's bearer", async () => {
    const { session } = await sessionWith(client, {
      url: meta.url.replace("127.0.0.1", "127.0.0.1"),
      bearer: "bearer-one",
      metadata: scripted(run),
    });
    const events = await converse(client, session.id, "go");
    expect(failures(events)).toEqual([]);
    const [result] = results(events);
    expect(result?.is_error).toBe(false);
    expect(result?.content?.[0]).toMatchObject({ type: "text", text: expect.stringContaining('"ous"') });
  });

  test("a bearer that is revoked, then rotated, shows at the next call", async () => {
    const { session, vault, credential } = await sessionWith(client, {
      url: meta.url,
      bearer: "bearer-one",
      metadata: scripted(run),
    });
    await converse(client, session.id, "go");
    meta.bearers.delete("bearer-one");
    const refused = await converse(client, session.id, "again");
    expect(failures(refused)).toEqual([
      expect.objectContaining({
        type: "mcp_authentication_failed_error",
        mcp_server_name: "meta",
        retry_status: { type: "retrying" },
      }),
    ]);
    expect(results(refused)[0]?.is_error).toBe(true);
    expect(stopReasons(refused)).toEqual(["end_turn"]);
    meta.bearers.add("bearer-two");
    await client.beta.vaults.credentials.update(credential?.id ?? "", {
      vault_id: vault.id,
      auth: { type: "static_bearer", token: "bearer-two" },
    });
    expect(results(await converse(client, session.id, "now"))[0]?.is_error).toBe(false);
    await client.beta.vaults.credentials.archive(credential?.id ?? "", { vault_id: vault.id });
    expect(failures(await converse(client, session.id, "gone"))).toHaveLength(1);
  });

  test("a bearer revoked between two calls of a turn stops the second", async () => {
    const { session } = await sessionWith(client, {
      url: meta.url,
      bearer: "bearer-one",
      metadata: scripted([callOus, callUsers]),
    });
    meta.before = () => void meta.bearers.delete("bearer-one");
    const events = await converse(client, session.id, "go");
    expect(results(events).map(({ is_error }) => is_error)).toEqual([false, true]);
    expect(failures(events).map(({ type }) => type)).toEqual(["mcp_authentication_failed_error"]);
  });

  test("a server that cannot be reached is an error event and an error result", async () => {
    const { session } = await sessionWith(client, {
      url: "http://127.0.0.1:9/mcp",
      bearer: "x",
      metadata: scripted(run),
    });
    const events = await converse(client, session.id, "go");
    expect(failures(events).map(({ type }) => type)).toEqual(["mcp_connection_failed_error"]);
    expect(results(events)[0]?.is_error).toBe(true);
  });

  test("one that needs confirmation waits, and runs when allowed", async () => {
    const { session } = await sessionWith(client, {
      url: meta.url,
      bearer: "bearer-one",
      policy: "always_ask",
      metadata: scripted(run),
    });
    const first = await converse(client, session.id, "go");
    const use = first.find((event) => event.type === "agent.mcp_tool_use");
    expect(use).toMatchObject({ evaluated_permission: "ask", evaluation: { type: "always_ask" } });
    expect(first.at(-1)).toMatchObject({ stop_reason: { type: "requires_action", event_ids: [use?.id] } });
    expect(meta.calls).toEqual([]);
    const answer = (tool_use_id: string, extra = {}) =>
      client.beta.sessions.events.send(session.id, {
        events: [{ type: "user.tool_confirmation", tool_use_id, result: "allow", ...extra }],
      });
    await expect(answer("sevt_unknown")).rejects.toThrow(Anthropic.BadRequestError);
    await expect(answer(use?.id ?? "", { deny_message: "no" })).rejects.toThrow(Anthropic.BadRequestError);
    await answer(use?.id ?? "");
    const events = await settled(client, session.id);
    expect(meta.calls.map(({ tool }) => tool)).toEqual(["list_ous"]);
    expect(stopReasons(events)).toEqual(["requires_action", "end_turn"]);
    await expect(answer(use?.id ?? "")).rejects.toThrow(Anthropic.BadRequestError);
  });

  test("a denied one does not run, and its result says why", async () => {
    const { session } = await sessionWith(client, {
      url: meta.url,
      bearer: "bearer-one",
      policy: "always_ask",
      metadata: scripted(run),
    });
    const first = await converse(client, session.id, "go");
    const use = first.find((event) => event.type === "agent.mcp_tool_use");
    await client.beta.sessions.events.send(session.id, {
      events: [
        { type: "user.tool_confirmation", tool_use_id: use?.id ?? "", result: "deny", deny_message: "not today" },
      ],
    });
    const events = await settled(client, session.id);
    expect(meta.calls).toEqual([]);
    expect(results(events)[0]).toMatchObject({
      is_error: true,
      content: [{ text: expect.stringContaining("not today") }],
    });
  });

  test("an interrupt while one waits for confirmation ends the turn", async () => {
    const { session } = await sessionWith(client, {
      url: meta.url,
      bearer: "bearer-one",
      policy: "always_ask",
      metadata: scripted(run),
    });
    await converse(client, session.id, "go");
    await client.beta.sessions.events.send(session.id, { events: [{ type: "user.interrupt" }] });
    expect(stopReasons(await settled(client, session.id)).at(-1)).toBe("end_turn");
    expect(meta.calls).toEqual([]);
  });

  test("an agent without the provisioning tools works through the tools it has", async () => {
    const agent = await client.beta.agents.create({
      name: "worker",
      model: "claude-sonnet-5-5",
      mcp_servers: [{ type: "url", name: "directory", url: meta.url }],
      tools: [
        {
          type: "mcp_toolset",
          mcp_server_name: "directory",
          default_config: { enabled: false },
          configs: ["list_users", "describe_user"].map((name) => ({
            name,
            enabled: true,
            permission_policy: { type: "always_allow" },
          })),
        },
      ],
    });
    const vault = await client.beta.vaults.create({ display_name: "w" });
    const auth = { type: "static_bearer", mcp_server_url: `${meta.url}/`, token: "bearer-one" } as const;
    await client.beta.vaults.credentials.create(vault.id, { auth });
    const session = await client.beta.sessions.create({
      agent: agent.id,
      environment_id: await environment(client),
      vault_ids: [vault.id],
    });
    const email = drawWorld(5).users[0]?.email ?? "";
    const events = await converse(client, session.id, `Describe ${email}, please.`);
    expect(meta.calls).toEqual([{ tool: "describe_user", input: { email } }]);
    expect(lastText(events)).toContain(email);
    const vague = await converse(client, session.id, "Go.");
    expect(toolNames(vague)).toEqual(["list_users"]);
  });

  test("an agent without tools says what it would need", async () => {
    const agent = await client.beta.agents.create({ name: "bare", model: "claude-sonnet-5-5" });
    const session = await client.beta.sessions.create({ agent: agent.id, environment_id: await environment(client) });
    expect(lastText(await converse(client, session.id, "Do it."))).toContain("I have no tools");
  });
});

describe("a restart", () => {
  const freePort = () =>
    new Promise<number>((resolve) => {
      const probe = createServer().listen(0, "127.0.0.1", () => {
        const address = probe.address();
        probe.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
      });
    });
  const entry = new URL("../../simulator/main.ts", import.meta.url).pathname;

  async function launch(port: number, stateFile: string) {
    const child = spawn(process.execPath, [entry], {
      env: { ...process.env, POWERLOOM_SIMULATOR_PORT: String(port), POWERLOOM_SIMULATOR_STATE: stateFile },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    await new Promise<void>((resolve, reject) => {
      const read = (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes('"listening"')) resolve();
      };
      child.stdout.on("data", read);
      child.stderr.on("data", read);
      child.once("exit", () => reject(new Error(output)));
    });
    const exited = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
    const kill = (signal: NodeJS.Signals) => {
      child.kill(signal);
      return exited;
    };
    return { output: () => output, kill };
  }

  test("SIGKILL in the middle of a conversation loses nothing: it goes on and repeats no recorded call", async () => {
    const folder = mkdtempSync(join(tmpdir(), "stand-in-"));
    const file = join(folder, "state.sqlite");
    const port = await freePort();
    const first = await launch(port, file);
    expect(first.output()).toContain("no language model");
    expect(first.output()).not.toContain("Warning");
    const remote = clientFor({ url: `http://127.0.0.1:${port}` });
    const { session } = await sessionWith(remote, { url: meta.url, bearer: "bearer-one" });
    const world = drawWorld(5);
    let killed: Promise<unknown> | undefined;
    meta.before = async (tool) => {
      if (tool !== "list_skills" || killed !== undefined) return;
      killed = first.kill("SIGKILL");
      await killed;
    };
    const prompt = `Set up a triage agent for ${world.users[0]?.email} in ${world.ous[1]?.path} with access to ${world.servers[0]?.display_name}.`;
    await remote.beta.sessions.events.send(session.id, { events: [message(prompt)] });
    while (killed === undefined) await new Promise((resolve) => setTimeout(resolve, 10));
    await killed;

    const second = await launch(port, file);
    const events = await settled(remote, session.id);
    expect(types(events)).toContain("session.status_rescheduled");
    expect(lastText(events)).toContain("Done. Agent");
    expect(meta.agents.size).toBe(1);
    const tools = meta.calls.map(({ tool }) => tool);
    expect(tools.filter((tool) => tool === "list_ous")).toHaveLength(1);
    expect(tools.filter((tool) => tool === "list_skills").length).toBeLessThanOrEqual(2);
    expect(await second.kill("SIGTERM")).toBe(0);
    rmSync(folder, { recursive: true });
  });
});
