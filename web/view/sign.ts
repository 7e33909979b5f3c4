/* The sign: a tick whose long stroke is a jackdaw in profile. One path on a field of 24 by 24 (fill-rule evenodd: the eye is a hole), for
 * the page and for every icon (icons.ts). */
export const SIGN_PATH =
  'M2 13.2 4.3 10.9 8.7 15.4C10.3 11.4 12.6 7.7 15.5 5 16.7 3.2 18.8 2.6 20.3 3.7L23 5.6 20.4 6.6C20.5 9.8 18.6 12.7 15.6 14.9 ' +
  '12.8 16.9 10.7 18.8 9.3 21.4L8.2 21.2ZM18.3 5.1a.75.75 0 1 0 .01 0Z';
/** Colours of an icon's field and of the sign on it: ink and eye (tokens.css, dark). */
export const SIGN_GROUND = '#12161c';
export const SIGN_INK = '#8fd3ee';
