"""What users read of ComfyUI."""

from __future__ import annotations

from typing import Final

from danqing_plugins import Message

__all__ = [
    "INTERRUPTED",
    "MEMORY",
    "NODE_FAILED",
    "NODE_MISSING",
    "NODE_REFUSES",
    "NOTHING_WRITTEN",
    "NO_SERVER",
    "SIZE_TWICE",
    "WORKFLOW_CHANGED",
    "WORKFLOW_GONE",
    "WORKFLOW_REFUSED",
]

NO_SERVER: Final = Message(
    key="no_comfyui", en="none of the ComfyUI servers can be reached", zh="所有 ComfyUI 服务器均无法连接"
)
NODE_REFUSES: Final = Message(
    key="node_refuses",
    en="ComfyUI refuses `{field}` of node {node} ({class_type}): {reason}",
    zh="ComfyUI 拒绝了节点 {node}（{class_type}）的 `{field}`：{reason}",
)
NODE_MISSING: Final = Message(
    key="node_missing",
    en="ComfyUI does not know the node class {class_type} of node {node}: its custom node is not installed",
    zh="ComfyUI 没有节点 {node} 的类型 {class_type}：未安装对应的自定义节点",
)
WORKFLOW_REFUSED: Final = Message(
    key="workflow_refused", en="ComfyUI refuses the workflow: {reason}", zh="ComfyUI 拒绝了工作流：{reason}"
)
NODE_FAILED: Final = Message(
    key="node_failed",
    en="node {node} ({class_type}) failed: {error}",
    zh="节点 {node}（{class_type}）运行失败：{error}",
)
MEMORY: Final = Message(
    key="out_of_memory",
    en="ComfyUI ran out of memory at node {node} ({class_type})",
    zh="ComfyUI 在节点 {node}（{class_type}）处显存不足",
)
INTERRUPTED: Final = Message(
    key="interrupted", en="the run was interrupted on the ComfyUI server", zh="运行在 ComfyUI 服务器上被中断"
)
NOTHING_WRITTEN: Final = Message(
    key="nothing_written", en="the workflow ended and wrote no file", zh="工作流已结束，但没有输出文件"
)
SIZE_TWICE: Final = Message(
    key="size_twice",
    en="say `size`, or `width` and `height`, not both",
    zh="`size` 与 `width`、`height` 只能选其一",
)
WORKFLOW_CHANGED: Final = Message(
    key="workflow_changed",
    en="the workflow {model} was changed since the task was submitted, and does not fit it: {names}",
    zh="任务提交之后工作流 {model} 已被修改，以下参数不再相符：{names}",
)
WORKFLOW_GONE: Final = Message(
    key="workflow_gone", en="the workflow {model} is not there any more", zh="工作流 {model} 已不存在"
)
