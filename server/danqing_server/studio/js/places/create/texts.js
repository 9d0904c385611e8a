/** @type {import('../../i18n.js').Texts} */
export const texts = {
  'create.empty': ['Nothing here yet.', '这里还什么都没有。'],
};
