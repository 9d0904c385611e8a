/** Texts of pictures, in the gallery as in the viewer. @type {import('../i18n.js').Texts} */
export const texts = {
  'pictures.star': ['Star', '加星标'],
  'pictures.reuse': ['Reuse', '复用设置'],
  'pictures.reference': ['As a reference', '作为参考图'],
  'pictures.download': ['Download', '下载'],
  'pictures.delete': ['Delete', '删除'],
  'pictures.compare': ['Compare', '对比'],
  'pictures.task': ['Open the task', '打开任务'],
  'pictures.link': ['Copy the link', '复制链接'],
  'pictures.deleted': ['{n:One picture deleted|# pictures deleted}', '已删除 {n} 张图片'],
  'pictures.not_deleted': ['{n:One picture was|# pictures were} not deleted: {why}', '{n} 张图片未能删除：{why}'],
  'pictures.zipping': ['Packing {n:one picture|# pictures}…', '正在打包 {n} 张图片…'],
  'pictures.zipped': ['The ZIP is there', 'ZIP 已准备好'],
  'pictures.none': ['no prompt', '无提示词'],
};
