/** Of the whole of Powerloom: what its parts say they are. */
export const powerloomVersion = "0.1.0";
