/* Where the last code was sent, as long as this page lives: the core does not tell it. */
export const sent = $state({ email: '' });
