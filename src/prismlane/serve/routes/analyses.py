"""The catalogue of analyses."""

from fastapi import APIRouter

from prismlane.common.wire import AnalysisList, AnalysisView
from prismlane.serve.principal import WithPrincipal
from prismlane.serve.services import WithServices

router = APIRouter(prefix="/v1", tags=["analyses"])


@router.get("/analyses", summary="All analyses")
async def list_analyses(_: WithPrincipal, services: WithServices) -> AnalysisList:
    """Each with the JSON Schemas of its parameters and of its result."""
    return AnalysisList(analyses=services.catalogue.views())


@router.get("/analyses/{name}", summary="One analysis")
async def get_analysis(name: str, _: WithPrincipal, services: WithServices) -> AnalysisView:
    """An analysis with its schemas, also where what it needs is not installed."""
    return services.catalogue.view(name)
