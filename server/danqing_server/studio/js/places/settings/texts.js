/** @type {import('../../i18n.js').Texts} */
export const texts = {
  'settings.empty': ['Nothing here yet.', '这里还什么都没有。'],
};
