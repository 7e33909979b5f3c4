declare module 'virtual:emoji/*' {
  const table: [emoji: string, group: number, name: string, words: string][];
  export default table;
}
