using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace OvirtSpm.Node.Api;

/// <summary><c>/v1/tasks</c>, and what begins one: long work whose caller says <c>Prefer: respond-async</c> (RFC 7240).</summary>
static class TaskRoutes
{
    public static void Map(WebApplication app, INodeVerbs node)
    {
        app.MapGet("/v1/tasks", (HttpRequest http) => ApiServer.AtLeaderAsync(node, http, () => Task.FromResult(node.Tasks.List())));
        app.MapGet("/v1/tasks/{task}", (string task, double? wait, HttpRequest http) =>
            ApiServer.AtLeaderAsync(node, http, () => node.Tasks.GetAsync(task, Wait(wait))));
        app.MapDelete("/v1/tasks/{task}", (string task, HttpRequest http) => ApiServer.AtLeaderAsync(node, http, () => Task.FromResult(node.Tasks.Cancel(task))));
    }

    public static bool IsAsync(HttpRequest http) => http.Headers["Prefer"].Any(value => value?.Contains("respond-async", StringComparison.OrdinalIgnoreCase) == true);

    /// <summary>The answer is where to look, before anything is done.</summary>
    public static Task<IResult> BeginAsync(INodeVerbs node, HttpRequest http, Func<TaskReply> begin) => ApiServer.AtLeaderAsync(
        node, http, () => Task.FromResult(begin()), task => Results.Accepted($"/v1/tasks/{task.Task}", task));

    static TimeSpan Wait(double? seconds) => seconds is null or (>= 0 and <= 3600)
        ? TimeSpan.FromSeconds(seconds ?? 0)
        : throw Refusal.Invalid($"a wait of {seconds} seconds makes no sense; 0 to 30 do.");
}
