/** Names of the Temporal search attributes by which workflows can be listed. All are keywords. */
export const searchAttributeNames = {
  organisation: "PowerloomOrganisation",
  ou: "PowerloomOu",
  kind: "PowerloomKind",
  status: "PowerloomStatus",
} as const;
