"""The shapes that routes take and send, as the OpenAPI document shows them."""

from __future__ import annotations

from danqing_server.doors import (
    access_shapes,
    batch_shapes,
    body_shapes,
    list_shapes,
    openai_shapes,
    server_shapes,
    task_shapes,
    upload_shapes,
    webhook_shapes,
)
from danqing_server.http.problem_shapes import ErrorShape
from danqing_server.http.shapes import schemas_of

__all__ = ["SCHEMAS"]

SCHEMAS = schemas_of(
    body_shapes.ImageTaskRequest,
    body_shapes.TaskRequest,
    body_shapes.UserRequest,
    body_shapes.UserChange,
    task_shapes.TaskShape,
    task_shapes.ImageResultShape,
    task_shapes.ImageTaskCreatedShape,
    task_shapes.TaskListShape,
    task_shapes.ExplanationShape,
    list_shapes.TaskPageShape,
    upload_shapes.UploadShape,
    upload_shapes.UploadListShape,
    batch_shapes.BatchRequest,
    batch_shapes.BatchShape,
    batch_shapes.BatchListShape,
    server_shapes.UserShape,
    server_shapes.QueueStatsShape,
    server_shapes.LaneListShape,
    server_shapes.ProvidersShape,
    server_shapes.DeletedShape,
    server_shapes.HealthShape,
    server_shapes.RootShape,
    access_shapes.ProjectListShape,
    access_shapes.ProjectRequest,
    access_shapes.ProjectChange,
    access_shapes.KeyListShape,
    access_shapes.KeyRequest,
    access_shapes.KeyChange,
    access_shapes.NewKeyShape,
    access_shapes.AuditListShape,
    body_shapes.WebhookRequest,
    body_shapes.WebhookChange,
    body_shapes.RotateRequest,
    body_shapes.ResendRequest,
    webhook_shapes.WebhookShape,
    webhook_shapes.WebhookListShape,
    webhook_shapes.WebhookSecretShape,
    webhook_shapes.DeliveryShape,
    webhook_shapes.DeliveryListShape,
    webhook_shapes.ResentShape,
    webhook_shapes.WebhookEventShape,
    openai_shapes.OpenAIImagesRequest,
    openai_shapes.OpenAIImagesShape,
    openai_shapes.OpenAITaskShape,
    openai_shapes.OpenAIModelListShape,
    openai_shapes.OpenAIErrorShape,
    ErrorShape,
)
