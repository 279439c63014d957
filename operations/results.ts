import { z } from "zod";

/** What a deletion answers. */
export const deletionView = z.object({ id: z.string(), deleted: z.literal(true) }).meta({ id: "Deletion" });
