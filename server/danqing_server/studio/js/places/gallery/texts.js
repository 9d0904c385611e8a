/** @type {import('../../i18n.js').Texts} */
export const texts = {
  'gallery.empty': ['Nothing here yet.', '这里还什么都没有。'],
};
