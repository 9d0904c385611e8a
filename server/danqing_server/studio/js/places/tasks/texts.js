/** @type {import('../../i18n.js').Texts} */
export const texts = {
  'tasks.status': ['Status', '状态'],
  'tasks.all': ['All', '全部'],
  'tasks.search': ['Search in prompts', '搜索提示词'],
  'tasks.none': ['No task is like that.', '没有符合条件的任务。'],
  'tasks.empty': ['What you ask for is listed here.', '提交的任务会列在这里。'],
  'tasks.more': ['More', '更多'],
  'tasks.time': ['Time', '时间'],
  'tasks.prompt': ['Prompt', '提示词'],
  'tasks.others': ['(another project’s)', '（其他项目）'],
  'tasks.model': ['Model', '模型'],
  'tasks.pictures': ['Pictures', '图片'],
  'tasks.cost': ['Cost', '费用'],
  'tasks.billed': ['Billed', '计费'],
};
