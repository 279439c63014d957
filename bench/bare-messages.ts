import { defineSignal, defineUpdate } from "@temporalio/workflow";

export const outcome = defineUpdate<string>("outcome");
export const go = defineSignal("go");
