/** @type {import('../../i18n.js').Texts} */
export const texts = {
  'costs.empty': ['Nothing here yet.', '这里还什么都没有。'],
};
