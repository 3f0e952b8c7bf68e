using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using OvirtSpm.Node.Cli;

namespace OvirtSpm.Node.Api;

/// <summary>HTTP <c>/v1</c> for peers and people, <c>/metrics</c>, <c>/healthz</c>. Verbs that change the pool are redirected to the leader.</summary>
static class ApiServer
{
    /// <param name="listener">Bound and listening; stays the caller's.</param>
    public static WebApplication Build(Socket listener, INodeVerbs node)
    {
        // The other builders read appsettings.json where the node happens to be started, and watch every directory below: started in /, as
        // services are, the whole machine's, mounts included (measured: 5 s before the first answer instead of 0.7).
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.ListenHandle((ulong)listener.Handle));
        builder.Services.AddRouting();
        // A body that cannot be read is told in our words, too (see AnswerRefusalsAsync), not with an empty 400.
        builder.Services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        builder.Services.Configure<JsonOptions>(options =>
        {
            options.SerializerOptions.DefaultIgnoreCondition = Output.Json.DefaultIgnoreCondition;
            foreach (var converter in Output.Json.Converters)
            {
                options.SerializerOptions.Converters.Add(converter);
            }
        });
        var app = builder.Build();
        app.Use(AnswerRefusalsAsync);
        MapReading(app, node);
        MapChanging(app, node);
        MapLocal(app, node);
        MapHosts(app, node);
        TaskRoutes.Map(app, node);
        TransferRoutes.Map(app, node);
        return app;
    }

    static void MapReading(WebApplication app, INodeVerbs node)
    {
        app.MapGet("/v1/status", () => node.Status());
        app.MapGet("/v1/hosts", node.HostsAsync);
        app.MapGet("/v1/journal", node.JournalAsync);
        app.MapGet("/v1/volumes", node.ListVolumesAsync);
        app.MapGet("/v1/volumes/{reference}", (string reference) => node.GetVolumeAsync(reference));
        app.MapGet("/v1/guard", () => node.GuardAsync(new GuardRequest(null)));
        app.MapGet("/v1/garbage", () => node.GarbageAsync(collect: false));
        app.MapGet("/metrics", () => Results.Text(node.Metrics(), "text/plain; version=0.0.4; charset=utf-8"));
        app.MapGet("/healthz", () =>
        {
            var status = node.Status();
            return status.LeaseMarginSeconds > 0
                ? Results.Text("ok\n")
                : Results.Text("no valid host id lease\n", statusCode: StatusCodes.Status503ServiceUnavailable);
        });
    }

    static void MapChanging(WebApplication app, INodeVerbs node)
    {
        app.MapPost("/v1/volumes", (CreateVolumeRequest request, HttpRequest http) =>
            TaskRoutes.IsAsync(http) ? TaskRoutes.BeginAsync(node, http, () => node.Tasks.Begin(request)) : AtLeaderAsync(node, http, () => node.CreateVolumeAsync(request)));
        app.MapPost("/v1/volumes/{reference}/extend", (string reference, ExtendVolumeRequest request, HttpRequest http) =>
            AtLeaderAsync(node, http, () => node.ExtendVolumeAsync(reference, request), volumeActiveHere: request.HostId is null ? reference : null));
        app.MapPost("/v1/volumes/{reference}/changes", (string reference, VolumeChange change, HttpRequest http) =>
            TaskRoutes.IsAsync(http) ? TaskRoutes.BeginAsync(node, http, () => node.Tasks.Begin(reference, change)) : AtLeaderAsync(node, http, () => node.ChangeVolumeAsync(reference, change)));
        app.MapPost("/v1/devices", (AddDeviceRequest request, HttpRequest http) =>
            AtLeaderAsync(node, http, () => node.AddDeviceAsync(request)));
        app.MapDelete("/v1/volumes/{reference}", (string reference, string? request, bool? wipe, bool? discard, HttpRequest http) =>
            TaskRoutes.IsAsync(http) ? TaskRoutes.BeginAsync(node, http, () => node.Tasks.BeginDeletion(reference, request, wipe ?? false, discard ?? false))
                : AtLeaderAsync(node, http, () => node.DeleteVolumeAsync(reference, request, wipe ?? false, discard ?? false)));
        app.MapPost("/v1/space", (SpaceRequest request, HttpRequest http) => AtLeaderAsync(node, http, () => node.SetSpaceAsync(request)));
        app.MapPost("/v1/guard", (GuardRequest request, HttpRequest http) => AtLeaderAsync(node, http, () => node.GuardAsync(request)));
        app.MapPost("/v1/garbage/collect", (HttpRequest http) => AtLeaderAsync(node, http, () => node.GarbageAsync(collect: true)));
    }

    static void MapLocal(WebApplication app, INodeVerbs node)
    {
        app.MapPost("/v1/volumes/{reference}/activate", (string reference, bool? readOnly, bool? exclusive) =>
            node.ActivateAsync(reference, readOnly ?? false, exclusive ?? false));
        app.MapPost("/v1/volumes/{reference}/deactivate", (string reference) => node.DeactivateAsync(reference));
        app.MapGet("/v1/guests", node.Guests);
        app.MapPost("/v1/guests", (WatchGuestRequest request) => node.WatchGuest(request));
        app.MapDelete("/v1/guests/{name}", (string name) => node.ForgetGuestAsync(name));
    }

    static void MapHosts(WebApplication app, INodeVerbs node)
    {
        app.MapPost("/v1/handover", (HandOverRequest request, HttpRequest http) =>
            AtLeaderAsync(node, http, () => node.Hosts.HandOverAsync(request)));
        app.MapPost("/v1/handover/notice", (HandOverNotice notice) => node.Hosts.HearAsync(notice));
        app.MapPost("/v1/hosts/{host}/wishes", async (string host, HostWishesRequest request, HttpRequest http) =>
            await node.Hosts.RedirectToHostAsync(host) is { } there ? RedirectTo(there, http) : Results.Ok(await node.Hosts.WishAsync(request)));
        app.MapPost("/v1/hosts/{host}/confirm-dead", (string host, ConfirmDeadRequest request, HttpRequest http) =>
            AtLeaderAsync(node, http, () => node.Hosts.ConfirmDeadAsync(host, request)));
    }

    /// <param name="answer">How the result is answered, when not with 200.</param>
    internal static async Task<IResult> AtLeaderAsync<T>(
        INodeVerbs node, HttpRequest http, Func<Task<T>> act, Func<T, IResult>? answer = null, string? volumeActiveHere = null)
    {
        if (await node.RedirectToLeaderAsync(volumeActiveHere) is { } leader)
        {
            return RedirectTo(leader, http);
        }
        try
        {
            var result = await act();
            return answer is null ? Results.Ok(result) : answer(result);
        }
        catch (Refusal refusal) when (refusal.Code == RefusalCode.NotLeader)
        {
            // Nothing was written: the role went to another host between the question and the answer. It answers instead.
            if (await node.RedirectToLeaderAsync() is not { } next)
            {
                throw;
            }
            return RedirectTo(next, http);
        }
    }

    static IResult RedirectTo(string url, HttpRequest http) =>
        Results.Redirect(url.TrimEnd('/') + http.Path + http.QueryString, permanent: false, preserveMethod: true);

    static async Task AnswerRefusalsAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            await next(context);
        }
        catch (Refusal refusal) when (!context.Response.HasStarted)
        {
            context.Response.StatusCode = Status(refusal.Code);
            await context.Response.WriteAsJsonAsync(new ErrorReply(refusal.Message, refusal.Code.ToString()), Output.Json);
        }
        catch (BadHttpRequestException bad) when (!context.Response.HasStarted)
        {
            context.Response.StatusCode = bad.StatusCode;
            await context.Response.WriteAsJsonAsync(
                new ErrorReply($"the request cannot be read: {bad.InnerException?.Message ?? bad.Message}", nameof(RefusalCode.Invalid)), Output.Json);
        }
        catch (NotSupportedException unnamed) when (!context.Response.HasStarted)
        {
            // A body of one of several kinds that does not say of which.
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            await context.Response.WriteAsJsonAsync(new ErrorReply($"the request cannot be read: {unnamed.Message}", nameof(RefusalCode.Invalid)), Output.Json);
        }
        catch (IOException failed) when (!context.Response.HasStarted)
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            await context.Response.WriteAsJsonAsync(new ErrorReply(failed.Message, nameof(RefusalCode.Unavailable)), Output.Json);
        }
    }

    static int Status(RefusalCode code) => code switch
    {
        RefusalCode.Invalid => StatusCodes.Status400BadRequest,
        RefusalCode.OutOfRange => StatusCodes.Status416RangeNotSatisfiable,
        RefusalCode.NotFound => StatusCodes.Status404NotFound,
        RefusalCode.Conflict => StatusCodes.Status409Conflict,
        RefusalCode.NotLeader => StatusCodes.Status421MisdirectedRequest,
        RefusalCode.NoSpace => StatusCodes.Status507InsufficientStorage,
        RefusalCode.OutcomeUnknown => StatusCodes.Status504GatewayTimeout,
        RefusalCode.Unavailable => StatusCodes.Status503ServiceUnavailable,
        _ => StatusCodes.Status500InternalServerError,
    };
}
