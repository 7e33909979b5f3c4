/* A name that was typed elsewhere, for the search for people that opens next, or is open. */
export const asked = $state({ text: '' });
