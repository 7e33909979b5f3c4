/* What can be said of a field before it is sent: keys of lang/, '' where nothing is wrong. The server decides (rules/name.h). */
import { bytesOf } from '../../model/text.ts';

export const PASSWORD_MIN = 8;
const NAME_BYTES_MAX = 128;

export function checkEmail(email: string): string {
  return /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email.trim()) ? '' : 'bad.email';
}

export function checkUserName(name: string): string {
  return /^[A-Za-z][A-Za-z0-9_.-]{2,31}$/.test(name.trim()) ? '' : 'bad.user_name';
}

export function checkName(name: string): string {
  return name.trim() !== '' && bytesOf(name.trim()) <= NAME_BYTES_MAX ? '' : 'bad.name';
}

export function checkPassword(password: string): string {
  return bytesOf(password) >= PASSWORD_MIN ? '' : 'bad.password';
}

export function checkCode(code: string): string {
  return /^\d{6}$/.test(code.trim()) ? '' : 'bad.code';
}

/** The token of an invitation, from its link, or as it is. */
export function inviteToken(text: string): string {
  return /([A-Za-z0-9]{26})\W*$/.exec(text.trim())?.[1] ?? text.trim();
}

export function checkInvite(text: string): string {
  return text.trim() === '' || /^[A-Za-z0-9]{26}$/.test(inviteToken(text)) ? '' : 'bad.invite';
}
