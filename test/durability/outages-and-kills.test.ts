import { afterAll, beforeAll } from "vitest";
import type { PartName } from "../../stack/local-stack.ts";
import { everything } from "../support/everything.ts";
import { conversationKills } from "./parts/conversation-kills.ts";
import { wholeStackRestart, withoutWorker } from "./parts/outages.ts";
import { runKills } from "./parts/run-kills.ts";
import { openStage, type Stage } from "./stage.ts";

// One stack for all of it: what a part leaves behind is what the next one has to cope with, as in life.
let stage: Stage;
beforeAll(async () => {
  // A little pace, so that a conversation of a dozen tool calls has a middle.
  const without: PartName[] = everything ? ["worker"] : [];
  stage = await openStage({ without, extraEnvironment: { POWERLOOM_SIMULATOR_PACE_MS: "10" } });
});
afterAll(() => stage.close());

withoutWorker(() => stage);
conversationKills(() => stage);
runKills(() => stage);
wholeStackRestart(() => stage);
