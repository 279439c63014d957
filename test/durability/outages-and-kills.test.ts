import { afterAll, beforeAll } from "vitest";
import { conversationKills } from "./parts/conversation-kills.ts";
import { wholeStackRestart, withoutWorker } from "./parts/outages.ts";
import { runKills } from "./parts/run-kills.ts";
import { openStage, type Stage } from "./stage.ts";

// One stack for all of it: what a part leaves behind is what the next one has to cope with, as in life.
let stage: Stage;
beforeAll(async () => {
  // A little pace, so that a conversation of a dozen tool calls has a middle.
  stage = await openStage({ without: ["worker"], extraEnvironment: { POWERLOOM_SIMULATOR_PACE_MS: "10" } });
});
afterAll(() => stage.close());

withoutWorker(() => stage);
conversationKills(() => stage);
runKills(() => stage);
wholeStackRestart(() => stage);
