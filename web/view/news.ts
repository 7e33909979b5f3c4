/* Names, and rows that are not messages, in words. */
import { t } from '../lang/words.svelte.ts';
import type { Role, RoomInfo, RowKind, UserId } from '../core/types.ts';
import type { App } from '../model/app.svelte.ts';
import { plainName, plainText } from '../model/text.ts';

/** What somebody is called; while that is not known, by a number that is always his. */
export function nameOf(app: App, user: UserId): string {
  return app.people.name(user) || t('somebody', { number: user.slice(-4) });
}

export function nameOrYou(app: App, user: UserId): string {
  return user === app.myId ? t('you') : nameOf(app, user);
}

export function roomName(app: App, info: RoomInfo | undefined): string {
  if (!info) return '';
  if (info.kind === 'self') return t('notes');
  if (info.kind === 'group') return plainName(info.title) || t('group');
  return info.peer ? nameOf(app, info.peer.user) : t('somebody', { number: info.room.slice(-4) });
}

export function roleName(role: Role): string {
  return role === 'owner' ? t('role.owner') : role === 'admin' ? t('role.admin') : t('role.member');
}

interface News {
  kind: RowKind;
  sender: UserId;
  text: string;
  subject?: UserId | undefined;
  role?: Role | undefined;
  heir?: UserId | undefined;
}

/** One line about what happened; one's own "you" is as it stands in the sentence. */
export function newsText(app: App, news: News): string {
  const you = t('you').toLocaleLowerCase();
  const text = tell(news, (user) => (user === app.myId ? you : nameOf(app, user)));
  return text.startsWith(you) ? t('you') + text.slice(you.length) : text;
}

function tell(news: News, name: (user: UserId) => string): string {
  const who = name(news.sender);
  const whom = news.subject ? name(news.subject) : who;
  const self = !news.subject || news.subject === news.sender;
  switch (news.kind) {
    case 'created':
      return t('news.created', { who, title: plainName(news.text) });
    case 'joined':
      return self ? t('news.joined', { who }) : t('news.invited', { who, whom });
    case 'left':
      if (news.heir) return t('news.heir', { who, heir: name(news.heir) });
      return self ? t('news.left', { who }) : t('news.removed', { who, whom });
    case 'title':
      return t('news.title', { who, title: plainName(news.text) });
    case 'role':
      if (news.role === 'owner') return t('news.owner', { who, whom });
      return news.role === 'admin' ? t('news.admin', { who, whom }) : t('news.member', { who, whom });
    case 'link':
      return t('news.link', { who });
    case 'deleted':
      return t('deleted');
    case 'text':
      return plainText(news.text);
    default:
      return t('news.unknown');
  }
}
