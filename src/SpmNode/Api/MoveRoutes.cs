using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using OvirtSpm.Node.Pool.Images;

namespace OvirtSpm.Node.Api;

/// <summary>Volumes that go to another domain: <c>/v1/arrivals</c> at the SPM there, which asks <c>/v1/departures</c> here.</summary>
/// <remarks>A departure is a transfer: it is looked at, finished and given up as any other.</remarks>
static class MoveRoutes
{
    /// <summary>The largest there is: what is read goes past every cache.</summary>
    const int SectorBytes = 4096;

    public static void Map(WebApplication app, INodeVerbs node)
    {
        app.MapPost("/v1/arrivals", (ArrivalRequest request, HttpRequest http) => TaskRoutes.IsAsync(http)
            ? TaskRoutes.BeginAsync(node, http, () => node.Tasks.Begin(request))
            : ApiServer.AtLeaderAsync(node, http, () => node.Tasks.EndOfAsync(node.Tasks.Begin(request))));
        app.MapPost("/v1/departures", (DepartureRequest request, HttpRequest http) => ApiServer.AtLeaderAsync(
            node, http, () => node.Transfers.BeginDepartureAsync(request),
            reply => reply.Transfer is null ? Results.Ok(reply) : Results.Created($"/v1/transfers/{reply.Transfer}", reply)));
        app.MapGet("/v1/transfers/{transfer}/volumes/{volume}/content", (string transfer, Guid volume, HttpContext http) => ApiServer.AtLeaderAsync(
            node, http.Request, () => SendAsync(node.Transfers.Departure(transfer), volume, http), _ => Results.Empty));
    }

    static Task<long> SendAsync(Departure departure, Guid volume, HttpContext http) => TransferRoutes.SendAsync(
        departure.Volume(volume).AllocatedBytes, (offset, into) => departure.ReadAsync(volume, offset, into), http, unit: SectorBytes);
}
